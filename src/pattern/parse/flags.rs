//! The flags of `(?i)`, `(?^x-s:...)`.

/// The flags in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Flags {
    pub i: bool,
    pub m: bool,
    pub s: bool,
    pub x: bool,
    pub xx: bool,
    pub n: bool,
    pub charset: Charset,
}

/// The rules by which `\w` and the other classes are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Charset {
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

    /// Whether letters of Latin-1 have case: `a` leaves that as it is under `u`.
    pub fn latin1_case(&self, whole: bool) -> bool {
        self.charset != Charset::Depends || whole
    }

    pub fn set(&mut self, flag: u8, on: bool) -> bool {
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
