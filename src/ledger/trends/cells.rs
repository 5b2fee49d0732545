//! The counts of the lines that came since the last commit, by rule and host: the one thing that is done for each
//! line.

/// The number that spreads the keys over the table: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// The number of cells of the first table; a power of two.
const FIRST: usize = 1 << 8;
/// Counts that are held, from which on they are to be taken out.
const MANY: usize = 1 << 16;

/// Counts by rule and host: a hash table without removals, whose most frequent case is a few instructions.
#[derive(Debug, Default)]
pub struct Cells {
    /// The cells: none, or a power of two of which at most half are in use.
    cells: Vec<Cell>,
    /// How far the product of a key is shifted to become a place.
    shift: u32,
    /// The places that are in use.
    used: Vec<u32>,
}

/// A count.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// The number of the rule and of the host.
    key: u64,
    /// The number of lines.
    count: u64,
}

impl Cell {
    /// A cell that is not in use. No rule has the largest number.
    const VACANT: Self = Self {
        key: u64::MAX,
        count: 0,
    };
}

impl Cells {
    /// Adds `n` lines of a rule and a host, by their numbers.
    #[inline(always)]
    pub fn add(&mut self, rule: u32, host: u32, n: u64) {
        let key = u64::from(rule) << 32 | u64::from(host);
        let place = (key.wrapping_mul(SPREAD) >> (self.shift & 63)) as usize;
        match self.cells.get_mut(place) {
            Some(cell) if cell.key == key => cell.count = cell.count.wrapping_add(n),
            _ => self.add_elsewhere(key, n),
        }
    }

    /// Adds lines whose cell is not the first that is looked at.
    #[inline(never)]
    fn add_elsewhere(&mut self, key: u64, n: u64) {
        if (self.used.len() + 1) * 2 > self.cells.len() {
            self.grow();
        }
        let (mask, mut place) = (self.cells.len() - 1, self.place(key));
        while let Some(cell) = self.cells.get_mut(place) {
            if cell.key == key {
                cell.count = cell.count.wrapping_add(n);
                return;
            }
            if cell.key == Cell::VACANT.key {
                *cell = Cell { key, count: n };
                self.used.push(u32::try_from(place).unwrap_or(u32::MAX));
                return;
            }
            place = (place + 1) & mask;
        }
    }

    fn place(&self, key: u64) -> usize {
        (key.wrapping_mul(SPREAD) >> (self.shift & 63)) as usize
    }

    /// Doubles the table.
    fn grow(&mut self) {
        let length = (self.cells.len() * 2).max(FIRST);
        let before = std::mem::replace(&mut self.cells, vec![Cell::VACANT; length]);
        self.shift = u64::BITS - length.trailing_zeros();
        let used = std::mem::take(&mut self.used);
        let held = used.iter().filter_map(|place| before.get(*place as usize));
        for cell in held {
            self.add_elsewhere(cell.key, cell.count);
        }
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// Whether enough counts are held that they are to be taken out.
    pub fn is_full(&self) -> bool {
        self.used.len() >= MANY
    }

    /// Takes all counts out: rule, host, number of lines.
    pub fn drain(&mut self) -> impl Iterator<Item = (u32, u32, u64)> {
        let Self { cells, used, .. } = self;
        used.drain(..).filter_map(|place| {
            let cell = cells.get_mut(place as usize)?;
            let Cell { key, count } = std::mem::replace(cell, Cell::VACANT);
            Some(((key >> 32) as u32, key as u32, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::Random;

    #[test]
    fn each_line_is_counted_for_its_rule_and_host() {
        let mut random = Random::new(20_261_129);
        let (mut cells, mut all) = (Cells::default(), 0);
        for round in 0..50 {
            let mut want: BTreeMap<(u32, u32), u64> = BTreeMap::new();
            for _ in 0..random.below(3_000) {
                let (rule, host) = (random.below(1 + round * 7), random.below(90));
                let (rule, host, n) = (rule as u32, host as u32, 1 + random.below(3) as u64);
                cells.add(rule, host, n);
                *want.entry((rule, host)).or_default() += n;
                all += 1;
            }
            let got = cells.drain().map(|(rule, host, n)| ((rule, host), n));
            assert_eq!(got.collect::<BTreeMap<_, _>>(), want, "{round}");
            assert_eq!(cells.drain().count(), 0);
        }
        assert!(all > 10_000);
    }
}
