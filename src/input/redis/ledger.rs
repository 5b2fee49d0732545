//! What our list at the server holds, by count.
//!
//! Only counts go over the wire: we are the list's one reader, so its head is what was handed over
//! and its tail what we have not seen. One command is in flight at a time, so after a broken
//! connection the length of the list says whether that one was done.

/// The book about `KEY:tenshi`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Ledger {
    /// Elements at the head of the list that the loop has.
    pub handed: u64,
    /// Of these, the ones that are committed and not removed yet.
    pub owed: u64,
    /// Elements that the loop has and the server has lost: acknowledging them removes nothing.
    ghosts: u64,
}

impl Ledger {
    /// The loop was given so many more.
    pub fn hand(&mut self, count: u64) {
        self.handed += count;
    }

    /// So many are committed. Gives how many are to be removed from the head.
    pub fn owe(&mut self, acknowledged: u64) -> u64 {
        let gone = acknowledged.min(self.ghosts);
        self.ghosts -= gone;
        self.owed = (self.owed + acknowledged - gone).min(self.handed);
        self.owed
    }

    /// The elements owed are removed.
    pub fn paid(&mut self) {
        self.handed -= self.owed;
        self.owed = 0;
    }

    /// After a connect: the list has this length. Gives where what we have not seen begins.
    pub fn reconcile(&mut self, length: u64) -> u64 {
        let missing = self.handed.saturating_sub(length);
        if missing > 0 {
            // The removal whose answer we did not get was done; what else is gone is lost there.
            let paid = missing.min(self.owed);
            self.owed -= paid;
            self.ghosts += missing - paid;
            self.handed = length;
            self.owed = self.owed.min(self.handed);
        }
        self.handed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acknowledged_is_removed_once() {
        let mut book = Ledger::default();
        assert_eq!(book.reconcile(3), 0);
        book.hand(3);
        book.hand(2);
        assert_eq!(book.owe(4), 4);
        book.paid();
        assert_eq!((book.handed, book.owe(0)), (1, 0));
        assert_eq!(book.owe(9), 1);
    }

    #[test]
    fn a_broken_connection_leaves_no_doubt() {
        let mut book = Ledger::default();
        book.hand(5);
        assert_eq!(book.owe(2), 2);
        // Not done: it is owed still.
        let mut undone = book.clone();
        assert_eq!((undone.reconcile(5), undone.owe(0)), (5, 2));
        // Done, and three are left.
        assert_eq!((book.reconcile(3), book.owe(0)), (3, 0));
        // A move was done whose answer was lost: its elements are behind ours.
        assert_eq!(book.reconcile(7), 3);
    }

    #[test]
    fn a_server_that_lost_its_data_costs_no_new_element() {
        let mut book = Ledger::default();
        book.hand(5);
        assert_eq!(book.reconcile(0), 0);
        book.hand(2);
        // The five that are gone are acknowledged first.
        assert_eq!(book.owe(5), 0);
        assert_eq!(book.owe(1), 1);
    }
}
