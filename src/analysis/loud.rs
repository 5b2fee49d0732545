//! Words by which programs say that something went wrong.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// Whether a message has a word of failure: `failed`, `error`, `denied` and the like.
pub fn is_loud(message: &[u8]) -> bool {
    static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let words = r"(?i-u)\b(?:abort|alert|attack|bad|broken|cannot|can't|corrupt|could not|couldn't|crash|critical|crit|damaged|danger|dead|deadlock|denied|deny|died|disallow|down|emerg|err|errno|error|exceeded|expired|fail|fatal|fault|forbidden|full|giving up|illegal|insecure|intrusion|invalid|kill|lost|malformed|mismatch|missing|not allowed|not found|not permitted|oom|oops|out of|overflow|panic|problem|refuse|reject|segfault|severe|stall|suspicious|timed out|timeout|time-out|traceback|unable|unauthorized|unauthorised|unexpected|unreachable|violation|virus|warn|warning|wrong)(?:s|ed|d|ing|ure|ures|ion|al|ly|ency)?\b";
        Regex::new(words).ok()
    });
    WORDS.as_ref().is_some_and(|words| words.is_match(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_loud_and_routine_is_not() {
        for line in [
            "sshd: Failed password for x",
            "kernel: Out of memory: Killed process 1",
            "named: query denied",
            "postfix: connection refused",
            "su: authentication failure",
            "x: ERROR: y",
            "disk lost",
            "x: couldn't open",
        ] {
            assert!(is_loud(line.as_bytes()), "{line}");
        }
        for line in [
            "CRON: (root) CMD (true)",
            "systemd: Started Daily apt upgrade and clean activities.",
            "sshd: Accepted publickey for root from 10.0.0.1 port 1",
            "x: terror of downtown",
        ] {
            assert!(!is_loud(line.as_bytes()), "{line}");
        }
    }
}
