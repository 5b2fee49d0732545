//! The mails that a mail server took, and what they count.

use std::collections::BTreeMap;

use super::sink::Record;

/// One mail, as often as it came.
pub struct Mail {
    pub text: String,
    pub times: usize,
}

impl Mail {
    /// The value of a header.
    pub fn header(&self, name: &str) -> &str {
        header(&self.text, name)
    }

    /// What follows the headers.
    pub fn body(&self) -> &str {
        self.text.split_once("\n\n").map_or("", |(_, body)| body)
    }
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let head = text.split("\n\n").next().unwrap_or_default();
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    head.lines().find_map(value).unwrap_or_default()
}

/// The mails that the server took, by their Message-IDs. A repetition must be the same mail.
pub fn mails(record: &Record) -> BTreeMap<String, Mail> {
    let mut mails: BTreeMap<String, Mail> = BTreeMap::new();
    for raw in &record.messages {
        let text = String::from_utf8_lossy(raw).replace("\r\n", "\n");
        let id = header(&text, "Message-ID").to_owned();
        assert!(!id.is_empty(), "{text}");
        let mail = mails.entry(id).or_insert_with(|| Mail {
            text: text.clone(),
            times: 0,
        });
        assert_eq!(mail.text, text, "a repetition is the same mail");
        mail.times += 1;
    }
    mails
}

/// All counts of the lines in these mails, by line; `queue` is the name in the subject's brackets.
pub fn counts(mails: &BTreeMap<String, Mail>, queue: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let subject = format!("[{queue}]");
    for mail in mails.values() {
        if !mail.header("Subject").ends_with(&subject) {
            continue;
        }
        for line in mail.body().lines() {
            let parts = line.strip_prefix("    ").and_then(|l| l.split_once(": "));
            if let Some((count, text)) = parts {
                *counts.entry(text.to_owned()).or_default() +=
                    count.trim().parse::<u64>().expect("a count");
            }
        }
    }
    counts
}
