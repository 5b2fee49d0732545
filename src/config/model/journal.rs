//! The settings of systemd's journal as an input.

use std::path::{Path, PathBuf};

use bstr::{BStr, BString};

/// The files that show that a syslog daemon writes the machine's messages to files as well.
pub const SYSLOG_FILES: [&str; 4] = [
    "/var/log/syslog",
    "/var/log/syslog.1",
    "/var/log/messages",
    "/var/log/messages.1",
];

/// The log files of the machine itself that a syslog daemon writes, by their names in `/var/log`.
const OWN_LOGS: [&str; 13] = [
    "auth.log",
    "cron",
    "cron.log",
    "daemon.log",
    "debug",
    "kern.log",
    "mail.log",
    "maillog",
    "messages",
    "secure",
    "syslog",
    "user.log",
    "warn",
];

/// Whether a syslog daemon writes the machine's own messages to this file.
pub fn is_own_log(path: &Path) -> bool {
    let name = path.strip_prefix("/var/log").ok().and_then(Path::to_str);
    name.is_some_and(|name| OWN_LOGS.contains(&name))
}

/// A journal that is read (`set journal`).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Journal {
    /// `set journal auto`: this machine's own, where no syslog daemon writes files of it.
    Auto,
    /// `set journal DIR`: all journal files in and below a directory.
    Directory(PathBuf),
}

/// The entries that one `set journal_match` takes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JournalMatch(pub Vec<FieldMatch>);

/// A field of an entry, and the values that it may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldMatch {
    /// The name of the field, as `_SYSTEMD_UNIT`.
    pub field: BString,
    /// The values: one of them is enough.
    pub values: Vec<ValueMatch>,
}

/// A value that a field may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueMatch {
    /// `FIELD=VALUE`: this one.
    Exact(BString),
    /// `FIELD=FROM..TO`: a number between these, with both of them.
    Range(u32, u32),
}

impl ValueMatch {
    /// Whether this is such a value.
    pub fn takes(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(wanted) => wanted == value,
            Self::Range(from, to) => {
                let number = std::str::from_utf8(value).ok();
                let number = number.and_then(|text| text.parse::<u32>().ok());
                number.is_some_and(|number| (*from..=*to).contains(&number))
            }
        }
    }
}

impl JournalMatch {
    /// Reads one `FIELD=VALUE`. Two values of one field are alternatives; two fields must both fit.
    ///
    /// # Errors
    /// What is wrong, as a part of a sentence.
    pub fn add(&mut self, word: &[u8]) -> Result<(), &'static str> {
        let Some(at) = word.iter().position(|byte| *byte == b'=') else {
            return Err("it has no `=`");
        };
        let (field, value) = (&word[..at], &word[at + 1..]);
        let letters =
            |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
        if field.is_empty() || field.len() > 64 || !field.iter().all(letters) {
            return Err("the name of a field is of capital letters, digits and `_`");
        }
        if value.is_empty() {
            return Err("there is no value behind the `=`");
        }
        let value = match range(value) {
            Some((from, to)) if from > to => return Err("the range ends before it begins"),
            Some((from, to)) => ValueMatch::Range(from, to),
            None => ValueMatch::Exact(value.into()),
        };
        let field = BStr::new(field);
        match self.0.iter_mut().find(|known| known.field == field) {
            Some(known) => known.values.push(value),
            None => self.0.push(FieldMatch {
                field: field.to_owned(),
                values: vec![value],
            }),
        }
        Ok(())
    }
}

/// A value of the form `FROM..TO`, in digits.
fn range(value: &[u8]) -> Option<(u32, u32)> {
    let (from, to) = std::str::from_utf8(value).ok()?.split_once("..")?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    Some((number(from)?, number(to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_of_fields_and_values() {
        let mut all = JournalMatch::default();
        for word in ["PRIORITY=0..3", "_SYSTEMD_UNIT=a=b", "PRIORITY=6"] {
            assert_eq!(all.add(word.as_bytes()), Ok(()));
        }
        assert_eq!(all.0.len(), 2);
        let taken = |value: &str| all.0[0].values.iter().any(|v| v.takes(value.as_bytes()));
        let values = ["0", "3", "4", "6", "66", "", "x"];
        assert_eq!(
            values.map(taken),
            [true, true, false, true, false, false, false]
        );
        assert!(all.0[1].values[0].takes(b"a=b"));
        for wrong in ["PRIORITY", "priority=3", "=x", "A=", "A=3..1", "A B=1"] {
            assert!(
                JournalMatch::default().add(wrong.as_bytes()).is_err(),
                "{wrong}"
            );
        }
        let mut text = JournalMatch::default();
        assert_eq!(text.add(b"A=..3"), Ok(()));
        assert!(text.0[0].values[0].takes(b"..3"));
    }
}
