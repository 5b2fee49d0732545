//! Keys, read from the bytes that a terminal sends.

/// A key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    Char(char),
    /// A letter together with the control key.
    Control(char),
    Enter,
    Escape,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// A key that means nothing here.
    Other,
}

/// The longest sequence of a key, bytes: what is longer is none.
const LONGEST: usize = 16;

/// Takes the first key off; nothing if its bytes are not all there yet. `whole`: no more will come.
pub(crate) fn take(bytes: &mut Vec<u8>, whole: bool) -> Option<Key> {
    let (key, length) = first(bytes, whole || bytes.len() > LONGEST)?;
    bytes.drain(..length.min(bytes.len()));
    Some(key)
}

fn first(bytes: &[u8], whole: bool) -> Option<(Key, usize)> {
    let key = match *bytes.first()? {
        0x1b => return escape(bytes, whole),
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x08 | 0x7f => Key::Backspace,
        0 | 0x1c..=0x1f => Key::Other,
        control @ 1..=0x1a => Key::Control(char::from(control - 1 + b'a')),
        byte if byte < 0x80 => Key::Char(char::from(byte)),
        _ => return character(bytes, whole),
    };
    Some((key, 1))
}

/// A character of several bytes.
fn character(bytes: &[u8], whole: bool) -> Option<(Key, usize)> {
    let chunk = bytes.utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(c) => Some((Key::Char(c), c.len_utf8())),
        // Its other bytes may be on their way.
        None if chunk.invalid().len() == bytes.len() && bytes.len() < 4 && !whole => None,
        None => Some((Key::Other, chunk.invalid().len().max(1))),
    }
}

/// The escape key, or a key whose bytes begin with it.
fn escape(bytes: &[u8], whole: bool) -> Option<(Key, usize)> {
    let rest = match bytes {
        [_, b'[' | b'O', rest @ ..] => rest,
        [_] if !whole => return None,
        // Escape and then another key.
        _ => return Some((Key::Escape, 1)),
    };
    let Some(end) = rest.iter().position(|b| (0x40..=0x7e).contains(b)) else {
        return whole.then_some((Key::Escape, bytes.len()));
    };
    let key = match rest.get(..=end).unwrap_or_default() {
        [.., b'A'] => Key::Up,
        [.., b'B'] => Key::Down,
        [.., b'C'] => Key::Right,
        [.., b'D'] => Key::Left,
        [.., b'H'] | b"1~" | b"7~" => Key::Home,
        [.., b'F'] | b"4~" | b"8~" => Key::End,
        [.., b'Z'] => Key::BackTab,
        b"M" => Key::Enter,
        b"3~" => Key::Delete,
        b"5~" => Key::PageUp,
        b"6~" => Key::PageDown,
        _ => Key::Other,
    };
    Some((key, end + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_keys() {
        let mut bytes = b"a\x1b[A\x1bOB\x1b[5~\x1b[1;5C\r\x7f\x03\xe6\x97\xa5\xff\x1b[Z\t".to_vec();
        let mut keys = Vec::new();
        while let Some(key) = take(&mut bytes, false) {
            keys.push(key);
        }
        let want = [
            Key::Char('a'),
            Key::Up,
            Key::Down,
            Key::PageUp,
            Key::Right,
            Key::Enter,
            Key::Backspace,
            Key::Control('c'),
            Key::Char('日'),
            Key::Other,
            Key::BackTab,
            Key::Tab,
        ];
        assert_eq!(keys, want);
    }

    #[test]
    fn a_key_waits_for_its_bytes() {
        for part in [&b"\x1b"[..], b"\x1b[", b"\x1b[1;", b"\xe6\x97"] {
            let mut bytes = part.to_vec();
            assert_eq!(take(&mut bytes, false), None);
            assert_eq!(bytes, part);
            assert!(take(&mut bytes, true).is_some());
        }
        let mut bytes = b"\x1bx".to_vec();
        assert_eq!(take(&mut bytes, false), Some(Key::Escape));
        assert_eq!(take(&mut bytes, false), Some(Key::Char('x')));
        // Nothing makes it wait for ever.
        let mut bytes = [&b"\x1b["[..], &[b'1'; 99]].concat();
        assert_eq!(take(&mut bytes, false), Some(Key::Escape));
    }
}
