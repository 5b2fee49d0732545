//! The flags of `(?i)`, `(?^x-s:...)`.

use super::{Parser, Result};

/// The flags in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Flags {
    pub i: bool,
    pub m: bool,
    pub s: bool,
    pub x: bool,
    pub xx: bool,
    pub n: bool,
    charset: Charset,
}

/// Which characters `\w` and its kin mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Charset {
    #[default]
    Depends,
    Ascii,
    Unicode,
}

impl Flags {
    /// Whether Latin-1 rules hold, if the pattern as a whole asks for Unicode or not.
    pub fn latin1(&self, whole: bool) -> bool {
        match self.charset {
            Charset::Depends => whole,
            Charset::Ascii => false,
            Charset::Unicode => true,
        }
    }

    /// Whether the case of Latin-1 letters is known: `a` leaves that as it is under `u`.
    pub fn latin1_case(&self, whole: bool) -> bool {
        self.charset != Charset::Depends || whole
    }

    fn set(&mut self, flag: u8, on: bool) -> bool {
        match flag {
            b'i' => self.i = on,
            b'm' => self.m = on,
            b's' => self.s = on,
            b'x' => {
                self.xx = on && self.x && self.xx;
                self.x = on;
            }
            b'n' => self.n = on,
            // These have no effect on what matches.
            b'p' | b'o' | b'g' | b'c' => {}
            _ => return false,
        }
        true
    }
}

impl Parser<'_> {
    /// Reads flags up to the `:` or `)`, which is left to the caller, and puts them in force.
    pub(super) fn read_flags(&mut self, start: usize) -> Result<()> {
        let mut on = true;
        let caret = self.eat(b'^');
        if caret {
            self.flags = Flags::default();
        }
        let mut charset: Option<(u8, usize)> = None;
        loop {
            let Some(flag) = self.peek() else {
                return self.invalid(start, "a group without its `)`", None);
            };
            if matches!(flag, b':' | b')') {
                return Ok(());
            }
            self.pos += 1;
            match flag {
                b'-' if on && !caret => on = false,
                b'a' | b'd' | b'u' | b'l' if on => {
                    self.charset_flag(start, flag, &mut charset)?;
                }
                b'x' if on => {
                    let twice = self.eat(b'x');
                    while self.eat(b'x') {}
                    self.flags.x = true;
                    self.flags.xx = twice;
                }
                _ if self.flags.set(flag, on) => {}
                _ => {
                    return self.invalid(
                        start,
                        "no kind of group and no flag that there is",
                        Some("write `\\(` for a parenthesis, `(?:...)` for a group"),
                    );
                }
            }
        }
    }

    fn charset_flag(
        &mut self,
        start: usize,
        flag: u8,
        seen: &mut Option<(u8, usize)>,
    ) -> Result<()> {
        let times = match *seen {
            None => 1,
            Some((b'a', 1)) if flag == b'a' => 2,
            Some(_) => {
                return self.invalid(start, "flags that exclude one another", None);
            }
        };
        *seen = Some((flag, times));
        self.flags.charset = match flag {
            b'a' => Charset::Ascii,
            b'u' => Charset::Unicode,
            b'd' => Charset::Depends,
            _ => {
                return self.unsupported(
                    start,
                    "matching by the locale",
                    Some("leave out the flag `l`"),
                );
            }
        };
        Ok(())
    }
}
