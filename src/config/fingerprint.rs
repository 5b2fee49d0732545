//! The fingerprint of a certificate (`set mailtls_fingerprint`).

use std::fmt;

/// The SHA-256 of a certificate's DER form, as `openssl x509 -fingerprint -sha256` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn of(der: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, der);
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits, with or without colons between the bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<char> = text.chars().filter(|c| *c != ':').collect();
        let mut bytes = [0; 32];
        if digits.len() != bytes.len() * 2 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            for digit in pair {
                *byte = *byte << 4 | u8::try_from(digit.to_digit(16)?).ok()?;
            }
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at > 0 { ":" } else { "" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_written_as_openssl_writes_it() {
        // SHA-256 of "abc" (FIPS 180-2, B.1).
        let text = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:\
                    B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
        assert_eq!(Fingerprint::of(b"abc").to_string(), text);
        let plain = text.replace(':', "").to_lowercase();
        assert_eq!(Fingerprint::parse(&plain), Fingerprint::parse(text));
        assert_eq!(Fingerprint::parse(text), Some(Fingerprint::of(b"abc")));
        for bad in ["", "BA", &plain[1..], &plain.replace('a', "g"), "sha256:x"] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }
}
