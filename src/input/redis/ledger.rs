//! Which elements of our list at the server the loop has, by number.
//!
//! Every element that comes into `KEY:tenshi` has a number, one more than the number of the element before it. The
//! server keeps how many were removed, in one transaction with the removal: the number of the list's head. A snapshot
//! holds the number up to which lines are counted. So after a crash of ours, of the server, or of the connection in the
//! middle of a command, the two say which elements are counted already: none is counted twice, none is left out.
//!
//! A server that lost elements would give their numbers to others. Then the numbers begin anew, with
//! the time of day in microseconds: far beyond all numbers that were given before.

/// The ledger of `KEY:tenshi`. Numbers are of elements; `first <= next`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Ledger {
    /// The number of the list's head.
    first: u64,
    /// The number of the first element that the loop does not have.
    next: u64,
    /// Elements before this number are committed.
    done: u64,
}

/// The work after a connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Where in the list the elements begin that the loop does not have.
    pub at: u64,
    /// The head's number that the server is to be told, if it is not the one it knows.
    pub renumber: Option<u64>,
}

impl Ledger {
    /// The ledger of a start: elements before the number `counted` are in the snapshot.
    pub fn resume(counted: u64) -> Self {
        Self {
            first: counted,
            next: counted,
            done: counted,
        }
    }

    /// How many elements the loop has that are not removed.
    pub fn open(&self) -> u64 {
        self.next - self.first
    }

    /// The number of the list's head.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number up to which the loop has everything.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes note that the loop was given this many more, and gives the next number.
    pub fn hand(&mut self, count: u64) -> u64 {
        self.next += count;
        self.next
    }

    /// Everything before this number is committed. Gives how many are to be removed from the head.
    /// A number from before the numbers began anew removes nothing.
    pub fn owe(&mut self, committed: u64) -> u64 {
        self.done = self.done.max(committed.min(self.next));
        self.done.saturating_sub(self.first)
    }

    /// Takes note that this many elements were removed from the head.
    pub fn paid(&mut self, count: u64) {
        self.first += count;
    }

    /// After a connect: the head's number at the server, if it has one, and the list's length.
    /// `fresh` is a number beyond all that were ever given.
    pub fn enter(&mut self, head: Option<u64>, length: u64, fresh: u64) -> Entry {
        match head {
            Some(head) if head <= self.next && self.next - head <= length => {
                self.first = head;
                Entry {
                    at: self.next - head,
                    renumber: None,
                }
            }
            // Numbers that we know nothing of: all of it is new to us.
            Some(head) if head > self.next => {
                *self = Self::resume(head);
                Entry {
                    at: 0,
                    renumber: None,
                }
            }
            // The server lost elements or its numbers; what is left at the head is ours.
            _ => {
                let ours = self.next - head.unwrap_or(self.first).min(self.next);
                let ours = ours.min(length);
                let first = fresh.max(self.next + 1);
                *self = Self {
                    first,
                    next: first + ours,
                    done: first,
                };
                Entry {
                    at: ours,
                    renumber: Some(first),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: u64 = 1_000_000;

    fn at(at: u64) -> Entry {
        Entry { at, renumber: None }
    }

    /// A ledger that the server knows: its list is empty and begins at `FRESH`.
    fn begun() -> Ledger {
        let mut ledger = Ledger::default();
        let entry = ledger.enter(None, 0, FRESH);
        assert_eq!((entry.at, entry.renumber), (0, Some(FRESH)));
        ledger
    }

    #[test]
    fn what_is_committed_is_removed_once() {
        let mut ledger = begun();
        assert_eq!((ledger.hand(3), ledger.hand(2)), (FRESH + 3, FRESH + 5));
        assert_eq!(ledger.owe(FRESH + 4), 4);
        ledger.paid(4);
        assert_eq!((ledger.open(), ledger.owe(FRESH + 4)), (1, 0));
        assert_eq!(ledger.owe(FRESH + 9), 1);
    }

    #[test]
    fn a_broken_connection_leaves_no_doubt() {
        let mut ledger = begun();
        ledger.hand(5);
        assert_eq!(ledger.owe(FRESH + 2), 2);
        // Not done: it is owed still.
        let mut undone = ledger.clone();
        assert_eq!(undone.enter(Some(FRESH), 5, 0), at(5));
        assert_eq!(undone.owe(0), 2);
        // Done, and three are left.
        assert_eq!(ledger.enter(Some(FRESH + 2), 3, 0), at(3));
        assert_eq!(ledger.owe(0), 0);
        // A move was done whose answer was lost: its elements are behind ours.
        assert_eq!(ledger.enter(Some(FRESH + 2), 7, 0), at(3));
    }

    #[test]
    fn a_start_after_a_crash_passes_over_what_the_snapshot_holds() {
        // Five in the list, the snapshot has three, none was removed.
        let mut ledger = Ledger::resume(FRESH + 3);
        assert_eq!(ledger.enter(Some(FRESH), 5, 0), at(3));
        assert_eq!((ledger.owe(0), ledger.open()), (3, 3));
        // Two of the three were removed just before.
        let mut ledger = Ledger::resume(FRESH + 3);
        assert_eq!(ledger.enter(Some(FRESH + 2), 3, 0), at(1));
        // No snapshot at all.
        assert_eq!(Ledger::default().enter(Some(FRESH), 5, 0), at(0));
    }

    #[test]
    fn a_server_that_lost_its_data_costs_no_new_element() {
        let later = FRESH * 2;
        for (head, length, ours) in [(None, 0, 0), (Some(FRESH), 3, 3), (None, 9, 5)] {
            let mut ledger = begun();
            ledger.hand(5);
            let entry = ledger.enter(head, length, later);
            assert_eq!((entry.at, entry.renumber), (ours, Some(later)));
            // What is committed of before removes nothing.
            assert_eq!(ledger.owe(FRESH + 5), 0);
            ledger.hand(2);
            assert_eq!(ledger.owe(later + ours + 1), ours + 1);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_number_twice() {
        let mut ledger = begun();
        ledger.hand(5);
        assert_eq!(ledger.enter(None, 0, 7).renumber, Some(FRESH + 6));
    }
}
