//! The queue that is proposed for a rule, by the words of its text alone. Nothing is ever proposed for `trash`.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// How loud a kind of message is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Loudness {
    /// Somebody should look at it now.
    Critical,
    /// Somebody should read it.
    Report,
    /// It is counted.
    Misc,
}

impl Loudness {
    /// The name of the queue in the configuration that comes with the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Report => "report",
            Self::Misc => "misc",
        }
    }
}

/// Text of what cannot wait.
const CRITICAL: &str = r"\bpanic|out of memory|\boom\b|\boom-|i/o error|unreadable|\bdegraded|no (?:active )?server available|FAILED SMART|self-check|corrupt|faulted|\bemerg|\bcritical\b|hardware error|machine check|cannot allocate memory|no space left|read-only file system|fs error|error \(device|\bdied\b|entering fault";
/// Text of failures.
const REPORT: &str = r"fail|error|denied|deny|refus|invalid|illegal|unable|cannot|can.?t\b|could not|couldn.?t|warn|reject|timed? ?out|lost|block|unreach|expired|exceed|violat|attack|break-in|\bbad\b|wrong|missing|not found|no such|abnormal|kill|segfault|\bban\b|\bfatal|unknown user|user unknown|incorrect|not (?:in sudoers|respond|running|indexed|known|allowed|permitted)|no (?:reply|response|route|entry|servers)|offline|orphan|throttl|tainted|bounced|deferred|consider raising|too slow|too long|process exited|server reached|FOUND|still trying|FAULT|mismatch|unexpected|severe|alert|suspend|too many|no free|down\b|limit";

/// The queue that the text of a pattern speaks for, and the word that says so.
pub fn loudness(pattern: &[u8]) -> (Loudness, Option<String>) {
    static TABLES: LazyLock<[Option<Regex>; 2]> = LazyLock::new(|| {
        [CRITICAL, REPORT].map(|words| Regex::new(&format!("(?i-u){words}")).ok())
    });
    let text = literal_text(pattern);
    let levels = [Loudness::Critical, Loudness::Report];
    for (table, level) in TABLES.iter().zip(levels) {
        if let Some(found) = table.as_ref().and_then(|table| table.find(&text)) {
            let word = String::from_utf8_lossy(found.as_bytes()).into_owned();
            return (level, Some(word));
        }
    }
    (Loudness::Misc, None)
}

/// The literal text of a pattern that this room wrote; a zero byte stands for each mask.
pub fn literal_text(pattern: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(pattern.len());
    let mut rest = pattern.iter().copied().peekable();
    let mut class = false;
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => match rest.next() {
                Some(b'd' | b's' | b'S' | b'w') if !class => text.push(0),
                Some(b'x') => {
                    rest.next();
                    rest.next();
                }
                Some(sign) if !class => text.push(sign),
                _ => {}
            },
            b']' => class = false,
            _ if class => {}
            b'[' => {
                class = true;
                text.push(0);
            }
            b'(' => {
                if rest.peek() == Some(&b'?') {
                    rest.next();
                    rest.next();
                }
            }
            b')' | b'*' | b'+' | b'?' | b'^' | b'$' => {}
            b'{' => while rest.next().is_some_and(|b| b != b'}') {},
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_pattern_speaks_and_its_masks_do_not() {
        for (pattern, want, why) in [
            (
                r"^kernel: Out of memory: Killed process (\d+)$",
                Loudness::Critical,
                Some("Out of memory"),
            ),
            (
                r"^sshd: Failed password for (\S+) from ([\d.]+)$",
                Loudness::Report,
                Some("Fail"),
            ),
            (
                r"^sshd: Accepted publickey for ([^\s]+)$",
                Loudness::Misc,
                None,
            ),
            (r"^x: state \[[^\]error]*\]$", Loudness::Misc, None),
        ] {
            let why = why.map(str::to_owned);
            assert_eq!(loudness(pattern.as_bytes()), (want, why), "{pattern}");
        }
    }

    #[test]
    fn masks_are_no_text() {
        let text = literal_text(br"^a\.b (\S+(?: \S+){2}) \[([^\s\]]+)\]$");
        assert_eq!(text, b"a.b \0 \0 [\0]");
    }
}
