//! The words of log English: which words of a message are text of the program, and which are values.

use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::hash::{FxHashMap, Map};

/// The words that many programs write, sorted, one a line.
const WORDS: &str = include_str!("words.txt");

/// The greatest number of answers that are kept for words that came before.
const MOST_ANSWERS: usize = 50_000;

/// Says of a word whether it is text of the program. Answers are kept, for most words come again.
#[derive(Debug)]
pub struct Lexicon {
    known: FxHashMap<Box<[u8]>, ()>,
    answers: Map<Box<[u8]>, bool>,
}

/// Words that say what happened: never taken for a value.
const STATES: &str = "^(?:un|dis|re|de|in)?(?:fail\\w*|errors?|denied|den(?:y|ies)|refus\\w*|succe\\w*|ok|up|down|start\\w*|\
    stop\\w*|open\\w*|clos\\w*|accept\\w*|reject\\w*|enabl\\w*|abl\\w*|connect\\w*|allow\\w*|block\\w*|permit\\w*|valid|lost|\
    found|not|no|timeouts?|timed|expir\\w*|on|off|true|false|warn\\w*|crit\\w*|fatal|panic\\w*|remov\\w*|add\\w*|creat\\w*|\
    delet\\w*|kill\\w*|exit\\w*|activ\\w*|online|offline|available|login|logout|logged|in|out|read\\w*|writ\\w*|set\\w*|\
    chang\\w*|bad|wrong|good|missing|exceed\\w*|full|empty|finish\\w*|complet\\w*|abort\\w*|load\\w*|send\\w*|sent|receiv\\w*|\
    establish\\w*|terminat\\w*|restor\\w*|mount\\w*|mask\\w*|lock\\w*|bann?\\w*|pass\\w*|hit|info|notice|debug|alert\\w*|\
    emerg\\w*|severe|normal|corrupt\\w*|correct\\w*|detect\\w*|initializ\\w*|begin\\w*|end\\w*|resum\\w*|suspend\\w*|bounced|\
    deferred|(?:re)?boot\\w*|halt\\w*|shut\\w*|wait\\w*|crash\\w*|hang|hung|degrad\\w*|recover\\w*|publickey|trusted|secure|\
    new|old|first|last|high|low|input|output|source|destination|before|after|with|without)$";
/// Endings of English words that programs write.
const ENDINGS: &str = "^[a-z]{3,}(?:ed|ing|tion|tions|able|ible|ment|ments|ness|ity|ous|ive|ized?|ising|izing|ised|ful|less|\
    ally|ly)$";
/// Names of a program's source: `CamelCase`, `snake_case`, `A::b`.
const CODE: &str =
    "^(?:[A-Za-z]*[a-z](?:[A-Z][a-z]+)+[A-Z]*|_*[A-Za-z]+(?:_[A-Za-z]+)+_?|\\w+(?:::\\w+)+)$";
/// Levels of messages, which say nothing of a message's kind.
const LEVELS: &str =
    "^(?:info|warn|warning|error|err|debug|notice|trace|fatal|severe|crit|critical|alert|emerg)$";
/// States in capitals, as monitors write them.
const SHOUTS: &str = "^(?:CRITICAL|WARNING|WARN|OK|UP|DOWN|FAIL(?:ED|URE|ING)?|ERROR|ERR|FATAL|ALERT|EMERG|UNKNOWN|DENIED|DENY|\
    ALLOW|BLOCK(?:ED)?|ACCEPT|REJECT|DROP|PASS(?:ED)?|INFO|NOTICE|DEBUG|SEVERE)$";

/// Words before the name of a user.
const USER_KEYS: &[&str] = &[
    "user",
    "username",
    "logname",
    "ruser",
    "account",
    "sasl_username",
    "acct",
    "owner",
    "login",
];
/// Words that are no name of a user, though one may stand there.
const NO_USERS: &str = "unknown not is has in does was from name names root-only logged login id and or with for to the a an of \
    by list agent groups group space slice authentication interface request requests has unable can cannot data file mode \
    process session sessions service table manager";
/// Words behind the name of a user.
const BEHIND_USERS: &str = "from by at on via port rhost using to ip host";
/// Words of enumerations: two of them in one place are values.
const ENUMERATED: &str = "tcp udp icmp sctp gre esp ah igmp icmpv6 ipv4 ipv6 rsa dsa ecdsa ed25519 plain login cram-md5 digest-md5 \
    gssapi ntlm a aaaa mx ns ptr txt srv soa cname any get post head put delete options patch connect esmtp smtp esmtps lmtp \
    auth ehlo helo rcpt data mail quit starttls rset noop vrfy inbound outbound sd md5 sha1 sha256";
/// Flags of TCP, which stand between pairs of key and value.
const TCP_FLAGS: &str = "DF MF CE SYN ACK PSH RST FIN URG ECE CWR URGP";
/// Keys whose value tells one kind of message from another.
const TELLING: &str = "class status stat state res result action type event op level lvl severity msg message reason error err \
    outcome verdict decision what";
/// Keys whose value is text.
const PROSE: &str = "signature title subject cause msg message error err reason event info description desc detail details text";
/// Keys whose value names what was detected: two of them are two kinds.
const DETECTED: &str = "signature alert rule title";
/// Small words, which say nothing by themselves.
const SMALL: &str = "and or on at to of by in with via the a from";

macro_rules! test_of_pattern {
    ($(#[$doc:meta])* $name:ident, $pattern:expr) => {
        $(#[$doc])*
        pub fn $name(word: &[u8]) -> bool {
            static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?-u){}", $pattern)).ok());
            PATTERN.as_ref().is_some_and(|pattern| pattern.is_match(word))
        }
    };
}

test_of_pattern!(
    /// Whether a word says what happened.
    is_state, format!("(?i){STATES}")
);
test_of_pattern!(
    /// Whether a word in lower case ends as English words do.
    has_ending, ENDINGS
);
test_of_pattern!(
    /// Whether a word is a name of the program's source.
    is_code, CODE
);
test_of_pattern!(
    /// Whether a word is the level of a message.
    is_level, format!("(?i){LEVELS}")
);
test_of_pattern!(
    /// Whether a word is a state in capitals.
    is_shout, SHOUTS
);

/// Whether a list of words, blanks between, has this one.
fn listed(list: &str, word: &[u8]) -> bool {
    list.split_ascii_whitespace()
        .any(|one| one.as_bytes() == word)
}

/// Whether a word or key stands before the name of a user.
pub fn is_user_key(lower: &[u8]) -> bool {
    USER_KEYS.iter().any(|key| key.as_bytes() == lower)
}

/// Whether a word in lower case cannot be the name of a user.
pub fn is_no_user(lower: &[u8]) -> bool {
    listed(NO_USERS, lower)
}

/// Whether a word in lower case stands behind the name of a user.
pub fn stands_behind_user(lower: &[u8]) -> bool {
    listed(BEHIND_USERS, lower)
}

/// Whether a word in lower case is one of an enumeration.
pub fn is_enumerated(lower: &[u8]) -> bool {
    listed(ENUMERATED, lower)
}

/// Whether a word is a flag of TCP.
pub fn is_tcp_flag(word: &[u8]) -> bool {
    listed(TCP_FLAGS, word)
}

/// Whether a word in lower case says nothing by itself.
pub fn is_small(lower: &[u8]) -> bool {
    listed(SMALL, lower)
}

/// Whether the last part of a key in lower case, or all of it, is in the list.
fn last_part_listed(list: &str, key: &[u8]) -> bool {
    let last = key.rsplit(|b| matches!(b, b'_' | b'.' | b'-')).next();
    listed(list, key) || last.is_some_and(|last| listed(list, last))
}

/// Whether the value of a key in lower case tells one kind of message from another.
pub fn is_telling(key: &[u8]) -> bool {
    last_part_listed(TELLING, key)
}

/// Whether the value of a key in lower case is text.
pub fn is_prose(key: &[u8]) -> bool {
    last_part_listed(PROSE, key)
}

/// Whether a key in lower case names what was detected.
pub fn is_detected(key: &[u8]) -> bool {
    last_part_listed(DETECTED, key)
}

impl Lexicon {
    /// The words that come with the program, and more of the site's own.
    pub fn new<'a>(more: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let own = more.into_iter().map(<[u8]>::to_ascii_lowercase);
        let words = WORDS.lines().map(|word| word.as_bytes().to_vec());
        Self {
            known: words
                .chain(own)
                .map(|word| (word.into_boxed_slice(), ()))
                .collect(),
            answers: Map::default(),
        }
    }

    /// Whether a word, in lower case, is in the list itself.
    pub fn has(&self, lower: &[u8]) -> bool {
        self.known.contains_key(lower)
    }

    /// Whether a word is text of the program rather than a value.
    pub fn is_text(&mut self, word: &[u8]) -> bool {
        if let Some(&answer) = self.answers.get(word) {
            return answer;
        }
        let answer = self.judge(word);
        if self.answers.len() >= MOST_ANSWERS {
            self.answers.clear();
        }
        self.answers.insert(word.into(), answer);
        answer
    }

    fn judge(&self, word: &[u8]) -> bool {
        let lower = word.to_ascii_lowercase();
        if self.has(&lower) {
            return true;
        }
        if !word.is_ascii() || word.iter().any(u8::is_ascii_digit) {
            return false;
        }
        let letters = word.iter().all(u8::is_ascii_alphabetic);
        let capitals = word.iter().all(u8::is_ascii_uppercase);
        if (capitals && word.len() >= 2) || (letters && has_ending(&lower)) || is_code(word) {
            return true;
        }
        let mut parts = parts(&lower);
        let one = parts.next().is_none_or(<[u8]>::is_empty) || parts.next().is_none();
        let is_known =
            |part: &[u8]| matches!(part, b"" | b"t" | b"s") || self.has(part) || has_ending(part);
        !one && !word.contains(&b'.') && self::parts(&lower).all(is_known)
    }
}

/// The parts of a word between `-`, `_`, `'`, `.` and `::`.
fn parts(word: &[u8]) -> impl Iterator<Item = &[u8]> {
    word.split(|b| matches!(b, b'-' | b'_' | b'\'' | b'.' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_programs_are_text_and_names_are_values() {
        let mut lexicon = Lexicon::new([&b"Fehler"[..]]);
        for text in [
            "failed",
            "SERVICE",
            "getaddrinfo_failed",
            "unpacking",
            "can't",
            "A::b",
            "fehler",
            "non-existent",
        ] {
            assert!(lexicon.is_text(text.as_bytes()), "{text}");
        }
        for value in [
            "btanaka",
            "web1",
            "a1b2",
            "example.com",
            "verbindung",
            "\u{30e6}\u{30fc}",
            "x",
        ] {
            assert!(!lexicon.is_text(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn the_list_is_sorted_and_has_no_word_twice() {
        let words: Vec<&str> = WORDS.lines().collect();
        assert!(words.is_sorted_by(|a, b| a < b));
        assert!(words.iter().all(|word| *word == word.to_ascii_lowercase()));
    }
}
