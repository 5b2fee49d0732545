//! The forms that the original took through Perl's Getopt::Long: long names with one or two dashes, any
//! unique beginning of them, and a level after `-d` that may be left out.

use std::ffi::{OsStr, OsString};

use super::exit::{Exit, wrong};

/// The long options: name, and whether a value follows. The original's come first.
pub(super) const LONG: &[(&str, Value)] = &[
    ("configuration", Value::Needed),
    ("Check", Value::None),
    ("debug", Value::Number),
    ("foreground", Value::None),
    ("help", Value::None),
    ("profile", Value::None),
    ("Pid", Value::Needed),
    // Ours, from here on.
    ("print", Value::None),
    ("state-dir", Value::Needed),
    ("mask", Value::Needed),
    ("pairs", Value::Needed),
    ("json", Value::None),
    ("check", Value::None),
    ("prometheus", Value::None),
    ("watch", Value::None),
    ("warning", Value::Needed),
    ("critical", Value::Needed),
    ("lag-warning", Value::Needed),
    ("lag-critical", Value::Needed),
    ("link", Value::None),
    ("from", Value::Needed),
    ("keep", Value::Needed),
    ("samples", Value::None),
    ("min", Value::Needed),
    ("queue", Value::Needed),
    ("alerts", Value::Needed),
    ("seen-in", Value::Several),
    ("plain", Value::None),
    ("write", Value::Needed),
    ("since", Value::Needed),
    ("host", Value::Needed),
    ("grep", Value::Needed),
    ("version", Value::None),
];

/// The number of rows of [`LONG`] that are the original's: an abbreviation that was unique among them stays
/// so.
pub(super) const ORIGINAL: usize = 7;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Needed,
    /// One or more: clap takes them.
    Several,
    /// A number, where one follows.
    Number,
}

/// Turns Getopt::Long's forms into `--name=value`.
pub(super) fn normalise(mut args: impl Iterator<Item = OsString>) -> Result<Vec<OsString>, Exit> {
    let mut out: Vec<OsString> = args.next().into_iter().collect();
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let Some(text) = arg.to_str().filter(|t| t.starts_with('-') && t.len() > 1) else {
            out.push(arg);
            continue;
        };
        if text == "--" {
            out.push(arg);
            out.extend(args);
            break;
        }
        let word = text.trim_start_matches('-');
        let (name, glued) = match word.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (word, None),
        };
        let (name, kind) = long_name(name, text.starts_with("--"))?;
        let number = |next: &mut OsString| {
            next.to_str()
                .is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))
        };
        let value = match (kind, glued) {
            (_, Some(value)) => Some(value),
            (Value::Needed, None) => args.next(),
            (Value::Number, None) => args
                .next_if(|next| number(&mut next.clone()))
                .or(Some("1".into())),
            (Value::None | Value::Several, None) => None,
        };
        let mut option = OsString::from(format!("--{name}"));
        if let Some(value) = value {
            option.push(OsStr::new("="));
            option.push(value);
        }
        out.push(option);
    }
    Ok(out)
}

/// The full name of an option: one letter after one dash, or the unique beginning of a long name.
pub(super) fn long_name(given: &str, two_dashes: bool) -> Result<(&'static str, Value), Exit> {
    let short = match given {
        "c" => Some("configuration"),
        "C" => Some("Check"),
        "d" => Some("debug"),
        "f" => Some("foreground"),
        "g" => Some("grep"),
        "h" => Some("help"),
        "p" => Some("profile"),
        "P" => Some("Pid"),
        "q" => Some("queue"),
        "V" if !two_dashes => Some("version"),
        _ => None,
    };
    let exact = LONG
        .iter()
        .find(|(name, _)| Some(*name) == short || *name == given);
    if let Some((name, kind)) = exact.or_else(|| unique(&LONG[..ORIGINAL], given)) {
        return Ok((name, *kind));
    }
    if let Some((name, kind)) = unique(LONG, given) {
        return Ok((name, *kind));
    }
    Err(wrong(&format!("unknown option: {given}; {}", hint(given))))
}

/// The only option whose name begins with `given`.
fn unique<'a>(
    names: &'a [(&'static str, Value)],
    given: &str,
) -> Option<&'a (&'static str, Value)> {
    let mut begin = names
        .iter()
        .filter(|(name, _)| !given.is_empty() && name.starts_with(given));
    match (begin.next(), begin.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The hint what to write instead of an unknown option.
fn hint(given: &str) -> String {
    let wanted = given.to_lowercase();
    let alike = LONG.iter().find(|(name, _)| {
        let name = name.to_lowercase();
        name == wanted
            || (wanted.len() > 1 && (name.starts_with(&wanted) || wanted.starts_with(&name)))
    });
    if let Some((name, _)) = alike {
        return format!("did you mean --{name}?");
    }
    // `-d2`, `-cFILE`, `-Cf`: neither the original nor we read letters without a space.
    let mut rest = given.chars();
    match (rest.next(), rest.as_str()) {
        (Some(letter @ ('c' | 'd' | 'P')), value) if !value.is_empty() => {
            format!("did you mean -{letter} {value}?")
        }
        (Some(letter @ ('C' | 'f' | 'p')), other)
            if !other.is_empty() && other.chars().all(|c| "cCdfpP".contains(c)) =>
        {
            let apart: Vec<String> = other.chars().map(|c| format!("-{c}")).collect();
            format!("did you mean -{letter} {}?", apart.join(" "))
        }
        _ => "tenshi --help lists the options".to_owned(),
    }
}
