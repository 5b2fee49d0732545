//! A rule of logcheck for whole lines, made into a pattern for the message alone.

use bstr::BString;

use super::ere::{self, Item, Part, Times};
use crate::hash::FxHashMap;
use crate::pattern::{Found, Pattern};

/// Heads of lines of syslog in its two forms: a prefix is a prefix for syslog if it matches all heads of one form.
const HEADS: [[&[u8]; 2]; 2] = [
    [
        b"Nov 23 21:44:00 h1 ",
        b"Nov  3 01:02:03 mail-3.example.org ",
    ],
    [
        b"2026-11-23T21:44:00.123456+09:00 h1 ",
        b"2026-11-23T21:44:00.123456+09:00 mail-3.example.org ",
    ],
];
/// Parts of a rule in which its prefix must end.
const MOST_PREFIX: usize = 12;
/// Groups at the beginning of a message that are looked into for its first word, inside each other.
const MOST_WORDS: usize = 3;
/// Once or not at all.
const OPTIONAL: Times = Times {
    min: 0,
    max: Some(1),
};
/// Parts of a process id with its brackets, at most.
const MOST_PID: usize = 4;

/// A pattern for messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Converted {
    pub pattern: BString,
    /// The program that all its messages are of.
    pub program: Option<BString>,
}

/// Converts rules, and keeps what it has compiled: most rules begin alike.
#[derive(Default)]
pub(super) struct Converter {
    /// Whether process ids are hidden.
    pub hidepid: bool,
    compiled: FxHashMap<Vec<u8>, Option<Pattern>>,
}

impl Converter {
    pub(super) fn new(hidepid: bool) -> Self {
        Self {
            hidepid,
            ..Self::default()
        }
    }

    /// Converts a rule.
    ///
    /// # Errors
    /// Says why it cannot be converted.
    pub(super) fn convert(&mut self, rule: &[u8]) -> Result<Converted, String> {
        let alternatives = ere::parse(rule)?;
        let [parts] = &alternatives[..] else {
            return Err(
                "it has alternatives outside of a group, so the prefix is not that of each".into(),
            );
        };
        if refers(parts) {
            return Err("it has a back reference, and groups would be masked".into());
        }
        let anchored = matches!(
            parts.first().map(|part| &part.item),
            Some(Item::Anchor("^"))
        );
        let mut message = match anchored {
            true => self.without_prefix(parts)?,
            false => parts.clone(),
        };
        if !anchored && program(&message).is_none() {
            return Err("it has no prefix, and does not begin with the name of a program".into());
        }
        if self.hidepid {
            message = self.without_pid(&message, anchored, 0);
        }
        let mut pattern = Vec::new();
        pattern.extend(anchored.then_some(b'^'));
        ere::write(&message, &mut pattern);
        if pattern.ends_with(b" ") {
            pattern.pop();
            pattern.extend_from_slice(b"[ ]");
        }
        Pattern::compile(&pattern).map_err(|e| e.message)?;
        Ok(Converted {
            program: program(&message).filter(|_| anchored),
            pattern: pattern.into(),
        })
    }

    /// The parts behind the prefix of a rule that begins with `^`.
    fn without_prefix(&mut self, parts: &[Part]) -> Result<Vec<Part>, String> {
        for cut in 2..=parts.len().min(MOST_PREFIX) {
            let (prefix, rest) = parts.split_at_checked(cut).unwrap_or((parts, &[]));
            let heads = |heads: &[&[u8]; 2]| heads.iter().all(|head| self.is(prefix, head));
            if HEADS.iter().any(heads) {
                // Blanks that may be more than one: the first is the prefix's.
                let more = prefix.last().filter(|last| {
                    matches!(last.item, Item::Set(..) | Item::Byte(b' ')) && !last.times.is_empty()
                });
                let more = more.map(|last| Part {
                    item: last.item.clone(),
                    times: vec![Times { min: 0, max: None }],
                });
                return Ok(more.into_iter().chain(rest.iter().cloned()).collect());
            }
        }
        Err("its prefix is not that of syslog".into())
    }

    /// Whether parts match a text as a whole.
    fn is(&mut self, parts: &[Part], text: &[u8]) -> bool {
        let mut pattern = b"^(?:".to_vec();
        let parts = match parts {
            [first, rest @ ..] if first.item == Item::Anchor("^") => rest,
            parts => parts,
        };
        ere::write(parts, &mut pattern);
        pattern.extend_from_slice(b")$");
        let compile = |pattern: &Vec<u8>| Pattern::compile(pattern).ok();
        let compiled = match self.compiled.get(&pattern) {
            Some(known) => known,
            None => {
                let new = compile(&pattern);
                self.compiled.entry(pattern).or_insert(new)
            }
        };
        compiled
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(text) == Found::Yes)
    }

    /// A message without its process id, as `set hidepid on` gives it to the rules: it is taken out of the first
    /// word if a colon and a blank stand behind it. Where it may stay it becomes optional: where they may be
    /// missing, and in a rule that is looked for anywhere.
    fn without_pid(&mut self, message: &[Part], anchored: bool, depth: usize) -> Vec<Part> {
        let is_colon = |part: &Part| part.item == Item::Byte(b':');
        let colon = message.iter().position(is_colon);
        let words = |part: &Part| {
            let once = matches!(part.times[..], [] | [OPTIONAL]);
            once && matches!(part.item, Item::Group(_)) && may_be_blank(&part.item)
        };
        // Where a blank may come before the colon, the first word is another one in each alternative.
        let group = message.iter().position(words);
        let group = group.filter(|&at| colon.is_none_or(|colon| at < colon));
        if let Some(at) = group.filter(|_| anchored && depth < MOST_WORDS) {
            let shown = alternatives(message, at);
            let each = shown.iter();
            let hidden = each.map(|one| self.without_pid(one, anchored, depth + 1));
            let hidden: Vec<Vec<Part>> = hidden.collect();
            return match hidden == shown {
                true => message.to_vec(),
                false => vec![Part {
                    item: Item::Group(hidden),
                    times: Vec::new(),
                }],
            };
        }
        let (word, behind) = message
            .split_at_checked(colon.unwrap_or(0))
            .unwrap_or((message, &[]));
        let ends =
            matches!(behind, [colon, rest @ ..] if colon.times.is_empty() && begins_blank(rest));
        let mut word = word.to_vec();
        if !self.hide_in(&mut word, anchored && ends) {
            // The word before the colon may have the process id as a part of anything.
            let some = [Times { min: 1, max: None }];
            let anything = word.last_mut().filter(|last| last.times == some);
            if let Some(last) = anything.filter(|last| may_be_pid(&last.item)) {
                last.times = vec![Times { min: 0, max: None }];
            }
        }
        word.extend_from_slice(behind);
        word
    }

    /// Takes the process id out of parts of a word, or of the groups among them; if it is not surely hidden, it
    /// becomes optional. Whether there was one.
    fn hide_in(&mut self, word: &mut Vec<Part>, surely: bool) -> bool {
        for length in 1..=MOST_PID.min(word.len()) {
            for at in 0..=word.len() - length {
                let window = word.get(at..at + length).unwrap_or_default();
                let whole =
                    matches!(window, [Part { item: Item::Group(_), times }] if times.is_empty());
                if !whole && self.is_pid(window) {
                    let pid: Vec<Part> = word.drain(at..at + length).collect();
                    if !surely {
                        let optional = Part {
                            item: Item::Group(vec![pid]),
                            times: vec![OPTIONAL],
                        };
                        word.insert(at, optional);
                    }
                    return true;
                }
            }
        }
        let mut found = false;
        for part in word.iter_mut() {
            if let Item::Group(alternatives) = &mut part.item {
                for parts in alternatives {
                    found |= self.hide_in(parts, surely);
                }
            }
        }
        word.retain(|part| part.item != Item::Group(vec![Vec::new()]));
        found
    }

    /// Whether parts stand for a process id in brackets, and for little else.
    fn is_pid(&mut self, parts: &[Part]) -> bool {
        self.is(parts, b"[1234]") && !self.is(parts, b"x") && !self.is(parts, b"1234")
    }
}

/// The parts with each alternative of the group at `at` in its place, and without it if it is optional.
fn alternatives(parts: &[Part], at: usize) -> Vec<Vec<Part>> {
    let (before, rest) = parts.split_at_checked(at).unwrap_or((parts, &[]));
    let Some((group, behind)) = rest.split_first() else {
        return vec![parts.to_vec()];
    };
    let Item::Group(alternatives) = &group.item else {
        return vec![parts.to_vec()];
    };
    let none = (!group.times.is_empty()).then(Vec::new);
    let each = alternatives.iter().cloned().chain(none);
    each.map(|one| [before, &one[..], behind].concat())
        .collect()
}

/// Whether there is a back reference in these parts.
fn refers(parts: &[Part]) -> bool {
    parts.iter().any(|part| match &part.item {
        Item::Back => true,
        Item::Group(alternatives) => alternatives.iter().any(|parts| refers(parts)),
        _ => false,
    })
}

/// Whether an item may match a blank or what begins with one.
fn may_be_blank(item: &Item) -> bool {
    match item {
        Item::Byte(byte) => *byte == b' ',
        Item::Set(set, _) => set.contains(b' '),
        Item::Group(alternatives) => alternatives
            .iter()
            .flatten()
            .any(|part| may_be_blank(&part.item)),
        Item::Anchor(_) | Item::Back => false,
    }
}

/// Whether all that these parts match begins with a blank.
fn begins_blank(parts: &[Part]) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return false;
    };
    let blank = match &first.item {
        Item::Byte(byte) => *byte == b' ',
        Item::Group(alternatives) => alternatives.iter().all(|parts| begins_blank(parts)),
        _ => false,
    };
    match first.times[..] {
        [] => blank,
        [Times { min, .. }] => blank && (min > 0 || begins_blank(rest)),
        _ => false,
    }
}

/// Whether an item may match each byte of a process id in brackets.
fn may_be_pid(item: &Item) -> bool {
    matches!(item, Item::Set(set, _) if b"[]0123456789".iter().all(|&byte| set.contains(byte)))
}

/// The name of the program that a message begins with, if that is fixed and a colon or a bracket ends it.
fn program(message: &[Part]) -> Option<BString> {
    let mut name = BString::default();
    for part in message {
        match part.item {
            Item::Byte(byte) if part.times.is_empty() => match byte {
                b':' | b'[' => return (!name.is_empty()).then_some(name),
                byte if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) => name.push(byte),
                _ => return None,
            },
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = r"^(\w{3} [ :[:digit:]]{11}|[0-9T:.+-]{32}) [._[:alnum:]-]+ ";

    fn converted(rule: &str, hidepid: bool) -> (String, String) {
        let rule = rule.replace("STAMP ", STAMP);
        let converted = Converter::new(hidepid).convert(rule.as_bytes()).unwrap();
        (
            converted.pattern.to_string(),
            converted.program.unwrap_or_default().to_string(),
        )
    }

    /// A rule, what comes of it with the process id hidden and shown, and its program if that is hidden.
    const RULES: [(&str, &str, &str, &str); 13] = [
        (
            r"STAMP sshd\[[[:digit:]]+\]: (a|b)$",
            r"^sshd: (?:a|b)$",
            r"^sshd\[[[:digit:]]+\]: (?:a|b)$",
            "sshd",
        ),
        (r"STAMP kernel: x", "^kernel: x", "^kernel: x", "kernel"),
        // Nothing is hidden at the end of a line.
        (
            r"STAMP a\[[0-9]+\]:$",
            r"^a(?:\[[0-9]+\])?:$",
            r"^a\[[0-9]+\]:$",
            "",
        ),
        (
            r"STAMP (d: )?a\[[0-9]+\]:( x)? y",
            r"^(?:d: a\[[0-9]+\]:(?: x)? y|a:(?: x)? y)",
            r"^(?:d: )?a\[[0-9]+\]:(?: x)? y",
            "",
        ),
        (
            r"^\w{3} [ :0-9]{11} [._[:alnum:]-]+ cron\[[0-9]+\]: x",
            "^cron: x",
            r"^cron\[[0-9]+\]: x",
            "cron",
        ),
        (
            r"STAMP su(\[[0-9]+\])?: .*$",
            "^su: .*$",
            r"^su(?:\[[0-9]+\])?: .*$",
            "su",
        ),
        (
            r"STAMP a[[[:digit:]]+]: x",
            "^a: x",
            r"^a[\[[:digit:]]+\]: x",
            "a",
        ),
        (
            r"STAMP a\[[[:digit:]]{1,5}\]:? x",
            r"^a(?:\[[[:digit:]]{1,5}\])?:? x",
            r"^a\[[[:digit:]]{1,5}\]:? x",
            "",
        ),
        (
            r"STAMP ([[:alnum:]]+\[[0-9]+\])?: x",
            "^(?:[[:alnum:]]+)?: x",
            r"^(?:[[:alnum:]]+\[[0-9]+\])?: x",
            "",
        ),
        (
            r"STAMP a[^[:space:]]+: x",
            "^a[^[:space:]]*: x",
            "^a[^[:space:]]+: x",
            "",
        ),
        (
            r"STAMP kernel:( \[ *[0-9]+\.[0-9]+\])? x",
            r"^kernel:(?: \[ *[0-9]+\.[0-9]+\])? x",
            r"^kernel:(?: \[ *[0-9]+\.[0-9]+\])? x",
            "kernel",
        ),
        (
            r"rshd\[[0-9]+\]: x",
            r"rshd(?:\[[0-9]+\])?: x",
            r"rshd\[[0-9]+\]: x",
            "",
        ),
        (r"STAMP a: x ", "^a: x[ ]", "^a: x[ ]", "a"),
    ];

    #[test]
    fn prefixes_and_process_ids_are_taken_off() {
        for (rule, hidden, shown, program) in RULES {
            let name = |pattern: &str| (pattern.to_owned(), program.to_owned());
            assert_eq!(converted(rule, true), name(hidden), "{rule}");
            // With the process id, other rules name their program as well.
            assert_eq!(converted(rule, false).0, shown, "{rule}");
        }
    }

    #[test]
    fn what_cannot_be_converted_is_refused_with_the_reason() {
        for (rule, why) in [
            (
                "^[-0-9]{10} [0-9:]{8} x",
                "its prefix is not that of syslog",
            ),
            ("x failed", "it has no prefix"),
            (r"STAMP (a) \1$", "back reference"),
            ("STAMP a|b", "alternatives"),
            ("STAMP (a", "without its `)`"),
        ] {
            let rule = rule.replace("STAMP ", STAMP);
            let refused = Converter::new(true).convert(rule.as_bytes()).unwrap_err();
            assert!(refused.contains(why), "{rule}: {refused}");
        }
    }
}
