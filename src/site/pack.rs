//! The packed form of a share: each text once, as what it has beyond the text before it; deflated.

use std::io::{Read, Write};

use bstr::{BStr, BString, ByteSlice};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::id::{ShareId, is_sane, time_of};
use super::share::{HostCounts, Share, Watched};
use crate::clock::Time;
use crate::hash::Map;
use crate::ledger::{news, trends};
use crate::queue::Continued;

/// The most bytes of a packed share: less than what one answer of the board may have. More is several shares.
const MOST_PACKED: usize = 8 << 20;
/// The most bytes of the texts in one share before it is packed.
const MOST_TEXT: usize = 64 << 20;
/// The most bytes that a share may have when it is unpacked: a board is not believed more than that.
const MOST_UNPACKED: u64 = 256 << 20;

/// What a share has besides its lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub console: String,
    pub queue: String,
    pub slot: Time,
    pub from: Time,
    pub to: Time,
    pub remarks: Vec<String>,
    pub news: Option<news::HandedIn>,
    pub trends: Option<trends::Block>,
    pub heard: Option<Watched>,
}

/// A share as it is packed and merged: its lines are places in one table of texts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Table {
    pub head: Head,
    /// The texts, in their order.
    pub texts: Texts,
    /// The hosts, by name.
    pub hosts: Vec<TableHost>,
}

impl Table {
    /// The place of a share of ours that cannot be read: no counts, and a remark that says so.
    pub fn unreadable(id: &ShareId, why: &str) -> Self {
        let slot = time_of(id.slot);
        let name = &id.owner.name;
        Self {
            head: Head {
                console: name.clone(),
                queue: id.queue.clone(),
                slot,
                from: slot,
                to: slot,
                remarks: vec![format!(
                    "counts of console {name} for queue {} are lost: they cannot be read ({why})",
                    id.queue
                )],
                news: None,
                trends: None,
                heard: None,
            },
            texts: Texts::default(),
            hosts: Vec::new(),
        }
    }
}

/// Texts, one behind the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    /// The number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text at a place.
    pub fn get(&self, at: u32) -> Option<&BStr> {
        let at = at as usize;
        let begin = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let text = self.bytes.get(begin..*self.ends.get(at)?)?;
        Some(text.as_bstr())
    }

    fn push(&mut self, shared: usize, rest: &[u8]) -> Option<()> {
        let last = self.ends.len().checked_sub(1);
        let begin = match last {
            Some(last) => match last.checked_sub(1) {
                Some(before) => *self.ends.get(before)?,
                None => 0,
            },
            None => 0,
        };
        let end = self.bytes.len();
        if shared > end - begin {
            return None;
        }
        self.bytes.extend_from_within(begin..begin + shared);
        self.bytes.extend_from_slice(rest);
        self.ends.push(self.bytes.len());
        Some(())
    }
}

/// The lines of a host in a [`Table`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct TableHost {
    pub host: BString,
    pub others: u64,
    /// The places of the lines in the table of texts, each with its count.
    pub lines: Vec<(u32, u64)>,
    /// Continuation lines by the place of their line.
    pub continued: Vec<(u32, Continued)>,
}

/// The form on the board, before it is deflated.
#[derive(Serialize, Deserialize)]
struct Form<H, T> {
    head: H,
    /// How many bytes each text has of the one before it, and the rest of it.
    texts: Vec<(u32, T)>,
    hosts: Vec<TableHost>,
}

/// Packs a share; one that is too large becomes several, the first of which has all that is not lines: remarks, news,
/// trends, what was heard.
pub(super) fn pack(share: &Share) -> Vec<BString> {
    pack_within(share, MOST_TEXT)
}

/// As [`pack`], with `most` bytes of text in a share at most, if it can be cut.
pub(super) fn pack_within(share: &Share, most: usize) -> Vec<BString> {
    let mut head = Head {
        console: share.console.clone(),
        queue: share.queue.clone(),
        slot: share.slot,
        from: share.from,
        to: share.to,
        remarks: share.remarks.clone(),
        news: share.news.clone(),
        trends: share.trends.clone(),
        heard: share.heard.clone(),
    };
    let mut packed = Vec::new();
    let mut waiting = vec![share.hosts.iter().map(Lines::of).collect::<Vec<_>>()];
    while let Some(mut hosts) = waiting.pop() {
        let text = hosts.iter().map(Lines::text).sum::<usize>();
        let form = (text <= most).then(|| pack_hosts(&head, &hosts));
        match form.filter(|form| form.len() <= MOST_PACKED || !can_be_cut(&hosts)) {
            None if can_be_cut(&hosts) => {
                let second = cut(&mut hosts);
                waiting.extend([second, hosts]);
            }
            form => {
                packed.push(form.unwrap_or_else(|| pack_hosts(&head, &hosts)));
                (head.remarks, head.news, head.trends) = (Vec::new(), None, None);
                head.heard = None;
            }
        }
    }
    packed
}

/// Some lines of a host.
struct Lines<'a> {
    of: &'a HostCounts,
    from: usize,
    to: usize,
}

impl<'a> Lines<'a> {
    fn of(of: &'a HostCounts) -> Self {
        let to = of.lines.len();
        Self { of, from: 0, to }
    }

    fn lines(&self) -> &'a [(u64, BString)] {
        self.of.lines.get(self.from..self.to).unwrap_or_default()
    }

    fn text(&self) -> usize {
        self.lines().iter().map(|(_, line)| line.len() + 8).sum()
    }
}

fn can_be_cut(hosts: &[Lines<'_>]) -> bool {
    hosts.len() > 1 || hosts.iter().any(|lines| lines.lines().len() > 1)
}

/// Takes the second half of the hosts away, or of the lines of the one host.
fn cut<'a>(hosts: &mut Vec<Lines<'a>>) -> Vec<Lines<'a>> {
    match hosts.as_mut_slice() {
        [one] => {
            let middle = one.from + (one.to - one.from) / 2;
            let second = Lines {
                of: one.of,
                from: middle,
                to: one.to,
            };
            one.to = middle;
            vec![second]
        }
        _ => hosts.split_off(hosts.len() / 2),
    }
}

fn pack_hosts(head: &Head, hosts: &[Lines<'_>]) -> BString {
    let lines = hosts.iter().flat_map(Lines::lines);
    let mut texts: Vec<&[u8]> = lines.map(|(_, line)| line.as_slice()).collect();
    texts.sort_unstable();
    texts.dedup();
    let places: Map<&[u8], u32> = texts.iter().copied().zip(0..).collect();
    let mut before: &[u8] = b"";
    let mut rests: Vec<(u32, BString)> = Vec::with_capacity(texts.len());
    for &text in &texts {
        let shared = (text.iter().zip(before))
            .take_while(|(a, b)| a == b)
            .count();
        let rest = BString::from(text.get(shared..).unwrap_or_default());
        rests.push((u32::try_from(shared).unwrap_or(0), rest));
        before = text;
    }
    let mut packed: Vec<TableHost> = hosts.iter().map(|lines| host(lines, &places)).collect();
    packed.sort_by(|a, b| a.host.cmp(&b.host));
    let form = Form {
        head,
        texts: rests,
        hosts: packed,
    };
    // Nothing in the form is without a form in postcard.
    let bytes = postcard::to_stdvec(&form).unwrap_or_default();
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::new(4));
    // Writing to memory does not fail.
    let _ = deflated.write_all(&bytes);
    BString::from(deflated.finish().unwrap_or_default())
}

fn host(lines: &Lines<'_>, places: &Map<&[u8], u32>) -> TableHost {
    let place = |line: &BString| places.get(line.as_slice()).copied().unwrap_or(0);
    let mut table: Vec<(u32, u64)> = (lines.lines().iter())
        .map(|(count, line)| (place(line), *count))
        .collect();
    table.sort_unstable();
    let mut continued: Vec<(u32, Continued)> = (lines.of.continued.iter())
        .filter_map(|(index, continued)| {
            let index = (*index as usize).checked_sub(lines.from)?;
            let (_, line) = lines.lines().get(index)?;
            Some((place(line), continued.clone()))
        })
        .collect();
    continued.sort_by_key(|(place, _)| *place);
    TableHost {
        host: lines.of.host.clone(),
        others: if lines.from == 0 { lines.of.others } else { 0 },
        lines: table,
        continued,
    }
}

/// Unpacks a share.
///
/// # Errors
/// It is none, or it is larger than any that this program packs.
pub(super) fn unpack(packed: &[u8]) -> Result<Table, String> {
    let mut bytes = Vec::new();
    let mut inflated = DeflateDecoder::new(packed).take(MOST_UNPACKED + 1);
    inflated
        .read_to_end(&mut bytes)
        .map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MOST_UNPACKED {
        return Err("it is too large".into());
    }
    let form: Form<Head, &[u8]> = postcard::from_bytes(&bytes).map_err(|e| e.to_string())?;
    let times = [form.head.slot, form.head.from, form.head.to];
    if !times.into_iter().all(is_sane) {
        return Err("its times are none of a report".into());
    }
    let mut texts = Texts::default();
    for (shared, rest) in &form.texts {
        let added = texts.push(*shared as usize, rest);
        added.ok_or("its texts are not in order")?;
        if texts.bytes.len() as u64 > MOST_UNPACKED {
            return Err("it is too large".into());
        }
    }
    let known = |place: &u32| (*place as usize) < texts.len();
    let whole = form.hosts.iter().all(|host| {
        host.lines.iter().all(|(place, _)| known(place))
            && host.continued.iter().all(|(place, _)| known(place))
    });
    match whole {
        true => Ok(Table {
            head: form.head,
            hosts: form.hosts,
            texts,
        }),
        false => Err("a line of it has no text".into()),
    }
}
