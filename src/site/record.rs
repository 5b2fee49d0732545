//! What stands on the board, in its written form.

use std::collections::{BTreeMap, BTreeSet};

use bstr::BString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::id::{ConsoleId, ShareId};
use super::merge::Doubt;
use crate::ledger::news::Taught;

/// The form of the records: a console of a version with another one does not read them.
const FORM: u8 = 1;

/// The longest name of a host in a word, bytes: the domain name system has none that is longer.
pub const LONGEST_HOST: usize = 255;
/// The bytes of the hosts in a word at most, and of its messages: whoever sends lines can invent names, and an answer
/// of the board has the words of all consoles.
pub const MOST_HEARD: usize = 512 << 10;

/// The last word of a console.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// The run of its state.
    pub run: u64,
    /// Another number at each word: by it the others see that the console lives.
    pub word: u64,
    /// The hash of its schedules.
    pub schedules: u64,
    /// The time up to which all its shares are on this board, s since the epoch.
    pub handed: i64,
    /// It let go of all its shares with smaller numbers.
    pub open_from: u64,
    /// The consoles that it knows and has not given up: these may take its shares.
    pub known: BTreeSet<ConsoleId>,
    /// The last time of which it made a report, of each queue.
    pub reported: BTreeMap<String, i64>,
    /// The number of its last lesson in the table of what is known.
    pub taught: u64,
    /// What it heard of late.
    pub heard: HeardHere,
}

/// What a console heard of late, for the other ones.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HeardHere {
    /// The hosts that wrote.
    pub hosts: Vec<BString>,
    /// The messages that rules expect (`expect`): the hash of the rule, and the host that sent its message.
    pub messages: Vec<(u64, BString)>,
}

impl HeardHere {
    /// Whether nothing was heard.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.messages.is_empty()
    }
}

/// The shares that a console had in its state: under its name and its run, since what it wrote in an earlier run may come
/// late, and must hide no other list.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct TakenList {
    /// Their names.
    pub ids: BTreeSet<ShareId>,
}

/// A share on the board.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Carried {
    /// Where else its counts may stand.
    pub doubts: Vec<Doubt>,
    /// The packed share.
    pub packed: BString,
}

/// What a report told of news.
pub type Lesson = Vec<Taught>;

/// The written form.
pub(super) fn write(value: &impl Serialize) -> Vec<u8> {
    // Nothing of these is without a form in postcard.
    postcard::to_extend(value, vec![FORM]).unwrap_or_default()
}

/// Reads the written form; nothing if it is another one.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match bytes.split_first()? {
        (&FORM, body) => postcard::from_bytes(body).ok(),
        _ => None,
    }
}
