//! A message in the form in which it is sent, made block by block: its lines end in CRLF and in nothing else,
//! a dot at the beginning of a line is doubled (RFC 5321 §4.5.2), and NUL is left out (§2.3.8).
//!
//! Log text is a stranger's text: so nothing in a message can end it early ("SMTP smuggling").

/// A message that is being brought into its form.
pub(super) struct Wire {
    /// What was made and not sent yet.
    pub(super) block: Vec<u8>,
    /// Whether the next byte is the first one of a line.
    begins: bool,
    /// Whether a line has ended whose end was not written: the end of the last line belongs to the
    /// terminator.
    ended: bool,
    after_cr: bool,
}

impl Wire {
    /// The form of a message of which nothing has come.
    pub(super) fn new() -> Self {
        Self {
            block: Vec::new(),
            begins: true,
            ended: false,
            after_cr: false,
        }
    }

    /// Appends a piece of the message.
    pub(super) fn put(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some((&first, after)) = rest.split_first() {
            match first {
                b'\n' if std::mem::take(&mut self.after_cr) => {}
                b'\r' | b'\n' => {
                    self.end_line();
                    (self.ended, self.begins) = (true, true);
                    self.after_cr = first == b'\r';
                }
                0 => {}
                _ => {
                    let length = memchr::memchr3(b'\r', b'\n', 0, rest).unwrap_or(rest.len());
                    let (text, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                    self.end_line();
                    if self.begins && first == b'.' {
                        self.block.push(b'.');
                    }
                    self.block.extend_from_slice(text);
                    (self.begins, self.after_cr) = (false, false);
                    rest = after;
                    continue;
                }
            }
            rest = after;
        }
    }

    /// Appends the terminator.
    pub(super) fn end(&mut self) {
        self.block.extend_from_slice(b"\r\n.\r\n");
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.ended) {
            self.block.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use bstr::ByteSlice;

    use super::*;

    /// The message in pieces of this length.
    fn sent(message: &[u8], length: usize) -> Vec<u8> {
        let mut wire = Wire::new();
        message.chunks(length).for_each(|piece| wire.put(piece));
        wire.end();
        wire.block
    }

    #[test]
    fn every_line_end_becomes_crlf_and_leading_dots_are_doubled_wherever_it_is_cut() {
        let cases: [(&[u8], &[u8]); 10] = [
            (b"", b""),
            (b"a", b"a"),
            (b"a\r\n", b"a"),
            (b"a\nb\rc\r\n", b"a\r\nb\r\nc"),
            (b"a\n.\nMAIL\n", b"a\r\n..\r\nMAIL"),
            (b"a\r.\rb", b"a\r\n..\r\nb"),
            (b"a\r\0\n\0.\0\r\nb", b"a\r\n..\r\nb"),
            (b"a\n\n\r\r\nb\xff", b"a\r\n\r\n\r\n\r\nb\xff"),
            (b".\r\n..\r\na.\r\n", b"..\r\n...\r\na."),
            (b"\r\n.b\r\n.", b"\r\n..b\r\n.."),
        ];
        for (message, wire) in cases {
            for length in 1..=message.len().max(1) {
                let want = [wire, b"\r\n.\r\n"].concat();
                assert_eq!(sent(message, length).as_bstr(), want.as_bstr(), "{length}");
            }
        }
    }
}
