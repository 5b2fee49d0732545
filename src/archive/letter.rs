//! A letter as it is read: the fields of its head, decoded, and the lines of its body.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bstr::ByteSlice;
use flate2::read::GzDecoder;

/// The length of a letter that is read, bytes: what comes behind is passed over.
const MOST: u64 = 256 << 20;
/// The length of a head, bytes at most.
const MOST_HEAD: usize = 256 << 10;
/// The length of a line, bytes: a longer one is handed on in pieces.
const MOST_LINE: usize = 1 << 20;

/// The fields of a letter's head, in their order, decoded.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Head(Vec<(String, Vec<u8>)>);

impl Head {
    /// Reads the fields up to the empty line; what is no field is passed over.
    ///
    /// # Errors
    /// It cannot be read, or is too long.
    pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
        let (mut line, mut length) = (Vec::new(), 0);
        loop {
            read_line(reader, &mut line)?;
            length += line.len();
            let text = line_text(&line);
            if line.is_empty() || text.is_empty() {
                break;
            }
            if length > MOST_HEAD {
                return Err(io::Error::other("its head has no end"));
            }
            match (text.first(), fields.last_mut()) {
                (Some(b' ' | b'\t'), Some((_, value))) => value.extend_from_slice(text),
                _ => {
                    if let Some((name, value)) = text.split_once_str(b":") {
                        let name = name.to_str_lossy().into_owned();
                        fields.push((name, value.trim_start().to_vec()));
                    }
                }
            }
        }
        for (_, value) in &mut fields {
            *value = decoded(value);
        }
        Ok(Self(fields))
    }

    /// The value of the first field of this name.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.0.iter();
        let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }
}

/// A letter that is open.
pub struct Letter {
    /// Its head.
    pub head: Head,
    /// Whether the lines of its text are in quoted-printable.
    quoted: bool,
    /// What stands before and behind the text where there is an HTML form of it as well, without the CRLF before.
    boundary: Option<Vec<u8>>,
    body: BufReader<io::Take<GzDecoder<BufReader<File>>>>,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter").field("head", &self.head).finish()
    }
}

impl Letter {
    /// Reads the head of a packed letter.
    ///
    /// # Errors
    /// It cannot be read, or is no letter.
    pub(super) fn open(file: File) -> io::Result<Self> {
        let unpacked = GzDecoder::new(BufReader::new(file)).take(MOST);
        let mut body = BufReader::with_capacity(1 << 16, unpacked);
        let head = Head::read(&mut body)?;
        let boundary = head.field("Content-Type").and_then(boundary);
        let text = match &boundary {
            Some(boundary) => text_head(&mut body, boundary)?,
            None => None,
        };
        let encoding = text
            .as_ref()
            .unwrap_or(&head)
            .field("Content-Transfer-Encoding");
        Ok(Self {
            quoted: encoding.is_some_and(|name| name.eq_ignore_ascii_case(b"quoted-printable")),
            boundary,
            head,
            body,
        })
    }

    /// Calls `act` with each line of the body, decoded and without its line end, until it answers false.
    ///
    /// # Errors
    /// The body cannot be read to its end.
    pub fn each_line(&mut self, act: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
        let (mut line, mut whole, mut blank) = (Vec::new(), Vec::new(), 0_usize);
        loop {
            read_line(&mut self.body, &mut line)?;
            let boundary = self.boundary.as_ref();
            let bounded = boundary.is_some_and(|boundary| line.starts_with(boundary));
            if line.is_empty() || bounded {
                // The line end before a boundary belongs to it; the last line may have no end.
                let blank = blank.saturating_sub(usize::from(bounded));
                if (0..blank).all(|_| act(b"")) && !whole.is_empty() {
                    act(&whole);
                }
                return Ok(());
            }
            let ended = line.ends_with(b"\n");
            let goes_on = match (line_text(&line), self.quoted) {
                (text, false) => {
                    whole.extend_from_slice(text);
                    !ended
                }
                (text, true) => !unquote(text, &mut whole) || !ended,
            };
            if goes_on && whole.len() < MOST_LINE {
                continue;
            }
            if whole.is_empty() {
                blank += 1;
                continue;
            }
            if !(0..std::mem::take(&mut blank)).all(|_| act(b"")) || !act(&whole) {
                return Ok(());
            }
            whole.clear();
        }
    }
}

/// The boundary between the parts of a mail with an HTML form, `--` in front (RFC 2046 §5.1.1).
fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    const TYPE: &[u8] = b"multipart/alternative";
    let head = content_type.get(..TYPE.len())?;
    let (_, value) = content_type.split_once_str(b"boundary=\"")?;
    let end = value.find_byte(b'"')?;
    let name = value.get(..end)?;
    let good = head.eq_ignore_ascii_case(TYPE) && (1..=70).contains(&name.len());
    good.then(|| [b"--", name].concat())
}

/// Reads up to the begin of the first part, the text. Gives its head.
fn text_head(reader: &mut impl BufRead, boundary: &[u8]) -> io::Result<Option<Head>> {
    let (mut line, mut length) = (Vec::new(), 0);
    loop {
        read_line(reader, &mut line)?;
        length += line.len();
        if line.starts_with(boundary) {
            return Head::read(reader).map(Some);
        }
        if line.is_empty() || length > MOST_HEAD {
            return Ok(None);
        }
    }
}

/// Reads a line with its line end into `line`, or as much of it as may be; nothing at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    reader.take(MOST_LINE as u64).read_until(b'\n', line)?;
    Ok(())
}

/// A line without its line end.
fn line_text(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Appends a line of quoted-printable (RFC 2045 §6.7), decoded. Whether it ends here.
fn unquote(line: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = line;
    while let Some(at) = rest.find_byte(b'=') {
        let (text, tail) = (rest.get(..at), rest.get(at + 1..));
        out.extend_from_slice(text.unwrap_or_default());
        rest = tail.unwrap_or_default();
        if rest.is_empty() {
            return false;
        }
        let code = rest.get(..2).and_then(|hex| hex.to_str().ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = rest.get(2..).unwrap_or_default();
            }
            None => out.push(b'='),
        }
    }
    out.extend_from_slice(rest);
    true
}

/// A value of a field with its encoded words decoded (RFC 2047; ours are UTF-8 in base64). Blanks between two
/// of them are no text.
fn decoded(value: &[u8]) -> Vec<u8> {
    let (mut out, mut rest, mut after_word) = (Vec::new(), value, false);
    while let Some((before, word, after)) = next_word(rest) {
        if !(after_word && before.trim().is_empty()) {
            out.extend_from_slice(before);
        }
        out.extend_from_slice(&word);
        (rest, after_word) = (after, true);
    }
    out.extend_from_slice(rest);
    out
}

/// The first encoded word of a value: what stands before it, its text, and what stands behind it.
fn next_word(value: &[u8]) -> Option<(&[u8], Vec<u8>, &[u8])> {
    const BEGIN: &[u8] = b"=?utf-8?b?";
    let begins = |at: &usize| {
        let head = value.get(*at..*at + BEGIN.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(BEGIN))
    };
    let at = value.find_iter(b"=?").find(begins)?;
    let text = value.get(at + BEGIN.len()..)?;
    let end = text.find(b"?=")?;
    let bytes = STANDARD.decode(text.get(..end)?).ok()?;
    Some((value.get(..at)?, bytes, text.get(end + 2..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::{Seek, Write};

    fn packed(text: &[u8]) -> File {
        let mut writer = GzEncoder::new(tempfile::tempfile().unwrap(), Compression::fast());
        writer.write_all(text).unwrap();
        let mut file = writer.finish().unwrap();
        file.rewind().unwrap();
        file
    }

    fn lines(letter: &mut Letter) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        letter.each_line(&mut |line| {
            lines.push(line.to_str_lossy().into_owned());
            true
        })?;
        Ok(lines)
    }

    #[test]
    fn a_letter_is_decoded() {
        let text = "To: a@x,\r\n b@x\r\nSubject: =?utf-8?B?U3TDtg==?=\r\n =?utf-8?B?cnVuZw==?= [a]\r\nno field\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n\r\nh1: \r\n    1: caf=C3=A9 =\r\n=3D=zz\r\nend";
        let mut letter = Letter::open(packed(text.as_bytes())).unwrap();
        let field = |name| letter.head.field(name).map(|value| value.to_str_lossy());
        assert_eq!(field("to").unwrap(), "a@x, b@x");
        assert_eq!(field("Subject").unwrap(), "Störung [a]");
        assert_eq!(field("From"), None);
        let want = ["", "h1: ", "    1: café ==zz", "end"];
        assert_eq!(lines(&mut letter).unwrap(), want);
    }

    #[test]
    fn of_a_letter_with_an_html_form_the_text_is_read() {
        let head = "A: b\r\nContent-Type: multipart/alternative; boundary=\"=_x\"\r\n\r\n";
        let part = "--=_x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
        let html = "\r\n--=_x\r\nContent-Type: text/html\r\n\r\n<p>\r\n\r\n--=_x--\r\n";
        for (text, want) in [
            (
                "\r\nh1: \r\n    1: a =3D\r\n",
                vec!["", "h1: ", "    1: a ="],
            ),
            ("a\r\n\r\n", vec!["a", ""]),
            ("a", vec!["a"]),
            ("", vec![]),
        ] {
            let mail = format!("{head}{part}{text}{html}");
            let mut letter = Letter::open(packed(mail.as_bytes())).unwrap();
            assert_eq!(lines(&mut letter).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn what_is_damaged_or_without_end_is_refused() {
        let mut cut = packed(&b"A: b\r\n\r\nx\r\n".repeat(20_000));
        let length = cut.seek(io::SeekFrom::End(0)).unwrap();
        cut.set_len(length / 2).unwrap();
        cut.rewind().unwrap();
        assert!(lines(&mut Letter::open(cut).unwrap()).is_err());
        let head = packed(&b"A: b\r\n".repeat(100_000));
        assert!(
            Letter::open(head)
                .unwrap_err()
                .to_string()
                .contains("head has no end")
        );
        let long = packed(&[&b"A: b\r\n\r\n"[..], &vec![b'x'; 3 << 20]].concat());
        let lines = lines(&mut Letter::open(long).unwrap()).unwrap();
        assert_eq!((lines.len(), lines.concat().len()), (3, 3 << 20));
        let mut plain = tempfile::tempfile().unwrap();
        plain.write_all(b"no gzip").unwrap();
        plain.rewind().unwrap();
        assert!(Letter::open(plain).is_err());
    }
}
