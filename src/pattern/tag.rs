//! The bytes of a tag: the first word of a message, which names the program that logs.

use crate::simd::{Block16, ByteRange, run_length};

/// Whether a byte ends a tag.
pub fn ends_tag(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
}

/// Number of bytes of a tag from `at` on.
#[inline]
pub fn tag_length(text: &[u8], at: usize) -> usize {
    run_length(text, at, tag_ends)
}

/// A bit for each byte of a block that ends a tag.
#[inline(always)]
fn tag_ends(bytes: Block16) -> u32 {
    const OTHERS: ByteRange = ByteRange::new(b'-', b'9');
    const SMALL: ByteRange = ByteRange::new(b'a', b'z');
    let letters = bytes.to_lowercase().within(SMALL);
    let others = bytes.within(OTHERS).or(bytes.equal(b'_'));
    letters.or(others).unset_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_as_long_as_its_bytes_say_one_by_one() {
        let mut checked = 0;
        for length in [5, 16, 17, 33] {
            for at in 0..length {
                for byte in 0..=255_u8 {
                    for around in [b'x', b'7', 0x80, b' ', 0] {
                        let mut text = vec![around; length];
                        text[at] = byte;
                        for from in [0, 1, 17] {
                            let rest = text.get(from..).unwrap_or_default();
                            let end = rest.iter().position(|&byte| ends_tag(byte));
                            let wanted = end.unwrap_or(rest.len());
                            assert_eq!(tag_length(&text, from), wanted, "{text:?}");
                            checked += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(checked, 71 * 256 * 5 * 3);
    }
}
