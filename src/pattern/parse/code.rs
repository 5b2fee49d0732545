//! Characters by number and by name, and escapes that stand for sets.

use super::parser::{Parser, Result};
use crate::pattern::perl_classes::{escape_set, property, set_of};
use crate::pattern::set::ByteSet;

impl Parser<'_> {
    /// The set of one character. One above 255 is no byte, but its other case may be.
    pub(super) fn code_set(&self, code: u32) -> ByteSet {
        if let Ok(byte) = u8::try_from(code) {
            return set_of(&[byte]);
        }
        match code {
            0x17F if self.flags.i => set_of(b"s"),
            0x212A if self.flags.i => set_of(b"k"),
            0x212B if self.flags.i => set_of(&[0xE5]),
            0x1E9E if self.flags.i => set_of(&[0xDF]),
            0x178 if self.flags.i => set_of(&[0xFF]),
            0x39C | 0x3BC if self.flags.i => set_of(&[0xB5]),
            _ => ByteSet::default(),
        }
    }

    /// Reads an escape that stands for a set, `letter` just read: `\d`, `\H`, `\pL`.
    pub(super) fn set_escape(&mut self, start: usize, letter: u8) -> Result<Option<ByteSet>> {
        if let Some(set) = escape_set(letter, self.latin1()) {
            return Ok(Some(set));
        }
        if !matches!(letter, b'p' | b'P') {
            return Ok(None);
        }
        let name = if self.eat(b'{') {
            self.until(b'}')
        } else {
            let one = self.rest().get(..1);
            self.pos += 1;
            one
        };
        let Some(name) = name.filter(|n| !n.is_empty()) else {
            return self.invalid(start, "a property without its name", None);
        };
        self.seen.unicode = true;
        let name = String::from_utf8_lossy(name);
        let name = name.trim();
        let (name, negated) = match name.strip_prefix('^') {
            Some(rest) => (rest, letter == b'p'),
            None => (name, letter == b'P'),
        };
        let plain = name.to_ascii_lowercase();
        let name = match plain.as_str() {
            // With `i`, either case is in each of these.
            "lu" | "ll" | "lt" | "uppercaseletter" | "lowercaseletter" if self.flags.i => "LC",
            _ => name,
        };
        let Some(set) = property(name) else {
            return self.unsupported(
                start,
                &format!("the property {name}"),
                Some("write a class in `[...]`"),
            );
        };
        let set = self.fold(set);
        Ok(Some(if negated { set.negate() } else { set }))
    }

    /// Reads an escape that stands for a character by number or by name, `letter` just read.
    pub(super) fn code_escape(&mut self, start: usize, letter: u8) -> Result<Option<u32>> {
        let code = match letter {
            b'a' => 0x07,
            b'e' => 0x1B,
            b'f' => 0x0C,
            b'n' => 0x0A,
            b'r' => 0x0D,
            b't' => 0x09,
            b'x' => self.hex(start)?,
            b'o' => self.octal_braces(start)?,
            b'c' => self.control(start)?,
            b'N' if self.rest().starts_with(b"{") => self.named(start)?,
            _ => return Ok(None),
        };
        if code > 255 {
            self.seen.unicode = true;
        }
        Ok(Some(code))
    }

    fn digits(&mut self, radix: u32, most: usize) -> u32 {
        let mut value = 0u32;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|b| char::from(b).to_digit(radix)) else {
                break;
            };
            value = value.saturating_mul(radix).saturating_add(digit);
            self.pos += 1;
        }
        value
    }

    /// Reads up to three octal digits.
    pub(super) fn octal(&mut self) -> u32 {
        self.digits(8, 3)
    }

    fn braced(&mut self, start: usize, radix: u32) -> Result<u32> {
        self.pos += 1;
        let Some(text) = self.until(b'}') else {
            return self.invalid(start, "`{` without its `}`", None);
        };
        let mut value = 0u32;
        for &byte in text.iter().skip_while(|b| matches!(b, b' ' | b'\t')) {
            match char::from(byte).to_digit(radix) {
                Some(digit) => value = value.saturating_mul(radix).saturating_add(digit),
                None if byte == b'_' => {}
                // Perl takes the digits before, and warns.
                None => break,
            }
        }
        Ok(value)
    }

    fn hex(&mut self, start: usize) -> Result<u32> {
        if self.peek() == Some(b'{') {
            self.braced(start, 16)
        } else {
            Ok(self.digits(16, 2))
        }
    }

    fn octal_braces(&mut self, start: usize) -> Result<u32> {
        if self.peek() != Some(b'{') {
            return self.invalid(start, "`\\o` without braces", Some("write `\\o{12}`"));
        }
        if self.rest().starts_with(b"{}") {
            return self.invalid(start, "`\\o` without a number", None);
        }
        self.braced(start, 8)
    }

    fn control(&mut self, start: usize) -> Result<u32> {
        match self.peek() {
            Some(byte @ b' '..=b'~') if byte != b'{' => {
                self.pos += 1;
                Ok(u32::from(byte.to_ascii_uppercase() ^ 64))
            }
            _ => self.invalid(
                start,
                "`\\c` without its character",
                Some("write `\\x01` or the like"),
            ),
        }
    }

    fn named(&mut self, start: usize) -> Result<u32> {
        self.seen.unicode = true;
        self.pos += 1;
        let Some(name) = self.until(b'}') else {
            return self.invalid(start, "`{` without its `}`", None);
        };
        let name = name.trim_ascii();
        if let Some(hex) = name.strip_prefix(b"U+") {
            let code = std::str::from_utf8(hex)
                .ok()
                .and_then(|h| u32::from_str_radix(h, 16).ok());
            return match code {
                Some(code) => Ok(code),
                None => self.invalid(start, "no number of a character", None),
            };
        }
        if name.is_empty() {
            return self.invalid(start, "a character without its name", None);
        }
        self.unsupported(
            start,
            "characters by name",
            Some("write the character as it is, or `\\xHH`"),
        )
    }
}
