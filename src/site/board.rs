//! The board: a place that all consoles reach, which may be wiped at any time.

use std::fmt;
use std::time::Duration;

use super::id::BoardNumber;

/// How long a console leads after its last word. That one leads is for order alone: what is safe is so by the claims.
pub const LEASE: Duration = Duration::from_secs(30);
/// How long after a line of a `[now]` report another console leaves the same line out.
pub const ALARM: Duration = Duration::from_secs(600);

/// What a board does not do, in a sentence that names the cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The tables of a board. Each has entries of a name and a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Table {
    /// The shares that no reporter has yet.
    Share,
    /// Which console reports a share: set once.
    Claim,
    /// Which console has a share in its own state.
    Done,
    /// The last word of each console.
    Member,
    /// The shares that each console had in its state when it first saw this board.
    Taken,
    /// What each console's reports told of news.
    Known,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 6] = [
        Self::Share,
        Self::Claim,
        Self::Done,
        Self::Member,
        Self::Taken,
        Self::Known,
    ];

    /// The name in keys and of directories.
    pub fn name(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Claim => "claim",
            Self::Done => "done",
            Self::Member => "member",
            Self::Taken => "taken",
            Self::Known => "known",
        }
    }
}

/// A board. Everything on it but its number stands under that number: what is written after a wipe for the board
/// before stands where nobody reads. Each call has an end, and after an error nothing is known of what it did.
///
/// What a board must keep: an entry that is there stays until it is deleted or the number is another one, whatever
/// happens to the machine that has it. A board that forgets a claim and keeps its number is none.
pub trait Board: Send {
    /// The number of the board; `fresh` is made its number if it has none.
    ///
    /// # Errors
    /// The board is away.
    fn number(&mut self, fresh: BoardNumber) -> Result<BoardNumber, Fault>;

    /// Takes the number away if it is this one: the next one to ask gives it another.
    ///
    /// # Errors
    /// The board is away.
    fn renew(&mut self, old: BoardNumber) -> Result<(), Fault>;

    /// The names in a table.
    ///
    /// # Errors
    /// The board is away.
    fn names(&mut self, number: BoardNumber, table: Table) -> Result<Vec<String>, Fault>;

    /// The names in a table with their values. An entry that is too large, or that cannot be read, has no byte: what
    /// one console wrote, or somebody else, does not keep the others from their board.
    ///
    /// # Errors
    /// The board is away.
    fn list(&mut self, number: BoardNumber, table: Table) -> Result<Vec<(String, Vec<u8>)>, Fault>;

    /// The value of each of these names.
    ///
    /// # Errors
    /// The board is away.
    fn get(
        &mut self,
        number: BoardNumber,
        table: Table,
        names: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, Fault>;

    /// Sets the values of these names.
    ///
    /// # Errors
    /// The board is away: some, all or none are set, now or later.
    fn put(
        &mut self,
        number: BoardNumber,
        table: Table,
        entries: &[(String, Vec<u8>)],
    ) -> Result<(), Fault>;

    /// Sets the value of a name that has none, in one step. Gives whether it had none.
    ///
    /// # Errors
    /// The board is away: it may be set, now or later.
    fn put_new(
        &mut self,
        number: BoardNumber,
        table: Table,
        name: &str,
        value: &[u8],
    ) -> Result<bool, Fault>;

    /// Takes names away.
    ///
    /// # Errors
    /// The board is away: some, all or none are gone, now or later.
    fn delete(&mut self, number: BoardNumber, table: Table, names: &[String]) -> Result<(), Fault>;

    /// Whether this console leads from now on, for [`LEASE`]: nobody else does.
    ///
    /// # Errors
    /// The board is away.
    fn lead(&mut self, number: BoardNumber, me: &str) -> Result<bool, Fault>;

    /// Notes that this console mails a line of a `[now]` report, by its hash. Gives the console that did so before,
    /// within [`ALARM`], if it is another one.
    ///
    /// # Errors
    /// The board is away.
    fn alarm(&mut self, hash: u64, me: &str) -> Result<Option<String>, Fault>;
}
