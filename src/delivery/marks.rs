//! The marks by which subjects tell the parts of a report: `[2/3] tenshi report [misc]`.

use bstr::{BString, ByteSlice};

/// The subject of part `number` of `count`: `[2/3] tenshi report [misc]`. A part that was cut once
/// more has both numbers: `[2/3, 1/4]`.
pub fn mark(subject: &[u8], number: usize, count: usize) -> BString {
    match marks(subject) {
        Some((marks, rest)) => [
            b"[",
            marks,
            format!(", {number}/{count}").as_bytes(),
            b"]",
            rest,
        ]
        .concat()
        .into(),
        None => [format!("[{number}/{count}] ").as_bytes(), subject]
            .concat()
            .into(),
    }
}

/// The numbers of a part in its subject, without brackets, and the rest of it.
pub fn marks(subject: &[u8]) -> Option<(&[u8], &[u8])> {
    let (marks, rest) = subject.strip_prefix(b"[")?.split_once_str(b"]")?;
    let is_mark = |mark: &[u8]| {
        let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        mark.split_once_str(b"/")
            .is_some_and(|(number, count)| digits(number) && digits(count))
    };
    marks.split_str(b", ").all(is_mark).then_some((marks, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_tell_which_part_it_is() {
        let once = mark(b"tenshi report [a]", 2, 3);
        assert_eq!(once, "[2/3] tenshi report [a]");
        assert_eq!(mark(&once, 1, 4), "[2/3, 1/4] tenshi report [a]");
        assert_eq!(mark(b"[web] down [a]", 1, 2), "[1/2] [web] down [a]");
        assert_eq!(marks(&once).unwrap().0, b"2/3");
        assert_eq!(marks(b"[/] x"), None);
    }
}
