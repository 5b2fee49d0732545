//! What is noted of a tally between two commits.

/// The hosts and lines of a tally that changed since the last commit.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    /// Whether no commit holds this tally, or too much of it changed: it is written whole. Then nothing more is
    /// noted.
    pub whole: bool,
    /// The numbers of hosts and of lines that the last commit holds.
    pub hosts: usize,
    pub lines: usize,
    /// The numbers of the lines that the last commit holds and whose counts changed, each once.
    pub counted: Vec<u32>,
    /// The places of the hosts whose other lines changed, each once.
    pub others: Vec<u32>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            whole: true,
            hosts: 0,
            lines: 0,
            counted: Vec::new(),
            others: Vec::new(),
        }
    }
}

/// Changes that are noted, at most; they take four bytes each.
pub(super) const MOST: usize = 1 << 20;

impl Changes {
    /// Notes the first change of a known line since the last commit.
    #[inline]
    pub fn line(&mut self, at: u32) {
        if self.whole || at as usize >= self.lines {
            return;
        }
        match self.counted.len() < MOST {
            true => self.counted.push(at),
            false => *self = Self::default(),
        }
    }

    /// Notes the first change of a host's number of other lines.
    pub fn others(&mut self, place: u32) {
        if !self.whole {
            self.others.push(place);
        }
    }
}
