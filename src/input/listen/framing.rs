//! Where a syslog message ends on a TCP connection (RFC 6587): by a count of octets in front of
//! it, or by a newline behind it. The first bytes of a connection decide for all of it.

/// The largest message that an octet count may announce, bytes. More is taken for a connection out
/// of step.
const LARGEST: usize = 16 << 20;
/// A message is kept up to the longest line and this much: its header shrinks on the way.
const HEADER: usize = 1024;

/// The framing of one connection.
#[derive(Debug)]
pub struct Framing {
    mode: Mode,
    /// The bytes of the message so far, at most `kept`.
    buffer: Vec<u8>,
    kept: usize,
    /// Whether bytes of this message were passed over.
    cut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// The framing is not known yet.
    Begin,
    /// Each message ends at `\n` or NUL.
    Lines,
    /// A count of octets comes next.
    Count,
    /// This many octets of the message are to come.
    Octets(usize),
}

/// The peer does not speak syslog, or is out of step: nothing after this can be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadFraming(pub &'static str);

impl Framing {
    /// The framing of a new connection; messages are kept up to `max_line` bytes.
    pub fn new(max_line: usize) -> Self {
        Self {
            mode: Mode::Begin,
            buffer: Vec::new(),
            kept: max_line.saturating_add(HEADER),
            cut: false,
        }
    }

    /// Gives `message` each message that `data` completes, and whether its end is missing.
    ///
    /// # Errors
    /// The peer does not speak syslog, or is out of step: the connection is to be closed.
    pub fn take(
        &mut self,
        mut data: &[u8],
        message: &mut impl FnMut(&[u8], bool),
    ) -> Result<(), BadFraming> {
        while let Some(&first) = data.first() {
            match self.mode {
                Mode::Begin => {
                    data = &data[1..];
                    self.buffer.push(first);
                    if let Some(mode) = decide(&self.buffer)? {
                        self.mode = mode;
                        let begun = std::mem::take(&mut self.buffer);
                        self.take(&begun, message)?;
                    }
                }
                Mode::Lines => {
                    let end = memchr::memchr2(b'\n', 0, data);
                    self.keep(&data[..end.unwrap_or(data.len())]);
                    if end.is_some() {
                        self.emit(message);
                    }
                    data = &data[end.map_or(data.len(), |end| end + 1)..];
                }
                Mode::Count => {
                    data = &data[1..];
                    self.count(first)?;
                }
                Mode::Octets(left) => {
                    let some = left.min(data.len());
                    self.keep(&data[..some]);
                    data = &data[some..];
                    self.mode = Mode::Octets(left - some);
                    if left == some {
                        self.emit(message);
                        self.mode = Mode::Count;
                    }
                }
            }
        }
        Ok(())
    }

    /// The connection is closed: what is there is a message, cut where a count promised more.
    pub fn end(mut self, message: &mut impl FnMut(&[u8], bool)) {
        match self.mode {
            Mode::Begin | Mode::Lines => {}
            Mode::Count => return,
            Mode::Octets(_) => self.cut = true,
        }
        if !self.buffer.is_empty() {
            self.emit(message);
        }
    }

    /// One byte of a count.
    fn count(&mut self, byte: u8) -> Result<(), BadFraming> {
        match byte {
            b'0'..=b'9' if self.buffer.len() < 9 => self.buffer.push(byte),
            // Some senders end a counted message with a newline that its count does not include.
            b'\n' | b'\r' | 0 if self.buffer.is_empty() => {}
            b' ' => {
                let digits = std::mem::take(&mut self.buffer);
                let count = digits
                    .iter()
                    .fold(0, |count, digit| count * 10 + usize::from(digit - b'0'));
                if count == 0 || count > LARGEST {
                    return Err(BadFraming("a count of octets that can't be"));
                }
                self.mode = Mode::Octets(count);
            }
            _ => return Err(BadFraming("no count of octets before a message")),
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.kept.saturating_sub(self.buffer.len());
        self.cut |= bytes.len() > room;
        self.buffer
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn emit(&mut self, message: &mut impl FnMut(&[u8], bool)) {
        message(&self.buffer, std::mem::take(&mut self.cut));
        self.buffer.clear();
    }
}

/// What the first bytes of a connection say; nothing while they say nothing yet.
fn decide(begun: &[u8]) -> Result<Option<Mode>, BadFraming> {
    let digits = begun.iter().take_while(|b| b.is_ascii_digit()).count();
    match begun.get(digits..).unwrap_or_default() {
        [] if digits < 9 => Ok(None),
        [b' '] if digits > 0 => Ok(None),
        [b' ', b'<'] if digits > 0 => Ok(Some(Mode::Count)),
        // The first byte of TLS, of a scanner's probe and the like.
        [byte, ..] if digits == 0 && *byte < b' ' && !b"\n\r\t".contains(byte) => Err(BadFraming(
            "no syslog (TLS is not spoken here: let rsyslog or stunnel take it)",
        )),
        _ => Ok(Some(Mode::Lines)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Messages = Vec<(String, bool)>;

    /// The messages of `data`, handed over in pieces of `piece` bytes, and how it ended.
    fn read(data: &[u8], max: usize, piece: usize) -> (Messages, Result<(), BadFraming>) {
        let mut messages = Vec::new();
        let mut message = |bytes: &[u8], cut| {
            messages.push((String::from_utf8_lossy(bytes).into_owned(), cut));
        };
        let mut framing = Framing::new(max);
        let mut result = Ok(());
        for data in data.chunks(piece) {
            result = framing.take(data, &mut message);
            if result.is_err() {
                break;
            }
        }
        if result.is_ok() {
            framing.end(&mut message);
        }
        (messages, result)
    }

    fn whole(data: &[u8]) -> Vec<String> {
        let mut all = None;
        for piece in [1, 2, 3, 7, 1000] {
            let (messages, result) = read(data, 100, piece);
            assert_eq!(result, Ok(()), "{piece}");
            assert!(messages.iter().all(|(_, cut)| !cut), "{piece}");
            let texts: Vec<String> = messages.into_iter().map(|(text, _)| text).collect();
            assert_eq!(*all.get_or_insert(texts.clone()), texts, "{piece}");
        }
        all.unwrap()
    }

    #[test]
    fn newlines_end_messages() {
        assert_eq!(whole(b"<1>a\n<2>b\n<3>c"), ["<1>a", "<2>b", "<3>c"]);
        assert_eq!(whole(b"<1>a\0<2>b\0"), ["<1>a", "<2>b"]);
        assert_eq!(
            whole(b"2026-11-23T21:44:00Z h x\n5 y\n"),
            ["2026-11-23T21:44:00Z h x", "5 y"]
        );
        assert_eq!(whole(b"12 monkeys\n"), ["12 monkeys"]);
        assert_eq!(whole(b"1234567890123 <x\n"), ["1234567890123 <x"]);
        assert_eq!(whole(b"12"), ["12"]);
        assert!(whole(b"").is_empty());
    }

    #[test]
    fn octets_are_counted() {
        assert_eq!(whole(b"5 <1>ab7 <2>c\nde"), ["<1>ab", "<2>c\nde"]);
        assert_eq!(whole(b"5 <1>ab\n5 <2>cd\n"), ["<1>ab", "<2>cd"]);
        let (messages, result) = read(b"5 <1>ab9 <2>c", 100, 4);
        assert_eq!(messages, [("<1>ab".into(), false), ("<2>c".into(), true)]);
        assert_eq!(result, Ok(()));
    }

    #[test]
    fn a_peer_out_of_step_is_seen() {
        let cases: [&[u8]; 5] = [
            b"5 <1>abcd5 <2>cd",
            b"5 <1>ab0 <2>",
            b"5 <1>ab99999999 <2>",
            b"5 <1>ab1234567890 <2>",
            b"\x16\x03\x01\x02\x00\x01",
        ];
        for case in cases {
            assert!(read(case, 100, 3).1.is_err(), "{case:?}");
        }
    }

    #[test]
    fn an_endless_message_takes_little_room() {
        let long = [b"<1>".to_vec(), vec![b'x'; 100_000], b"\n<2>b\n".to_vec()].concat();
        let counted = [format!("{} ", long.len()).into_bytes(), long.clone()].concat();
        for (data, count) in [(long, 2), (counted, 1)] {
            let (messages, result) = read(&data, 100, 999);
            assert_eq!((messages.len(), result), (count, Ok(())));
            assert_eq!((messages[0].0.len(), messages[0].1), (100 + HEADER, true));
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            data in proptest::collection::vec(
                prop_oneof![Just(b'\n'), Just(b' '), Just(b'<'), b'0'..=b'9', any::<u8>()], 0..200),
            piece in 1usize..20,
        ) {
            prop_assert_eq!(read(&data, 20, piece), read(&data, 20, 1000));
        }
    }
}
