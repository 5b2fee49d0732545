//! A tally as a snapshot holds it: the hosts, then the number of lines, then the lines, all in the order in which
//! they came. Up to version 2 the lines stood with their hosts; such a tally is read too.
//!
//! ```text
//! map: name -> (map without entries, number of other lines)   number of lines
//! if there are lines: sequence of (place of the host, line, count)
//! ```

use std::fmt;

use bstr::{BStr, BString};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::lines::{Key, Lines};
use super::{HostTally, Tally};
use crate::config::Bound;

/// A restored tally holds what it held, whatever the bound is now.
pub(super) const UNBOUNDED: Bound = Bound {
    lines: usize::MAX,
    bytes: usize::MAX,
};

/// The parts of a tally.
const TALLY: [&str; 3] = ["hosts", "distinct", "lines"];
/// The parts of a host: the lines that stood with it up to version 2, and the number of its other lines.
const HOST: [&str; 2] = ["lines", "others"];

impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [hosts, distinct, lines] = TALLY;
        let mut tally = serializer.serialize_struct("Tally", TALLY.len())?;
        tally.serialize_field(hosts, &Hosts(&self.hosts))?;
        tally.serialize_field(distinct, &self.distinct())?;
        if self.distinct() > 0 {
            tally.serialize_field(lines, &AllLines(&self.lines))?;
        }
        tally.end()
    }
}

/// The hosts, as a map.
struct Hosts<'a>(&'a [HostTally]);

impl Serialize for Hosts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hosts = self.0.iter();
        serializer.collect_map(hosts.map(|host| (&host.name, (NoLines, host.others))))
    }
}

/// A map without entries.
struct NoLines;

impl Serialize for NoLines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(std::iter::empty::<((), ())>())
    }
}

/// All lines, as a sequence.
struct AllLines<'a>(&'a Lines);

impl Serialize for AllLines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut lines = serializer.serialize_seq(Some(self.0.len()))?;
        for (key, count) in self.0.iter() {
            lines.serialize_element(&(key.host, BStr::new(key.line), count))?;
        }
        lines.end()
    }
}

/// Reads something of a tally straight into it: what is read may be as large as all memory allows.
enum Into<'a> {
    Hosts(&'a mut Tally),
    Host(&'a mut Tally, u32),
    HostLines(&'a mut Tally, u32),
    Lines(&'a mut Tally),
}

impl<'de> Deserialize<'de> for Tally {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Tally;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tally")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tally, A::Error> {
                let mut tally = Tally::default();
                let hosts = seq.next_element_seed(Into::Hosts(&mut tally))?;
                hosts.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let distinct: Option<usize> = seq.next_element()?;
                let distinct = distinct.ok_or_else(|| A::Error::invalid_length(1, &self))?;
                if tally.distinct() < distinct {
                    let lines = seq.next_element_seed(Into::Lines(&mut tally))?;
                    lines.ok_or_else(|| A::Error::invalid_length(2, &self))?;
                }
                match tally.distinct() == distinct {
                    true => Ok(tally),
                    false => Err(A::Error::custom("the number of lines is another one")),
                }
            }
        }
        deserializer.deserialize_struct("Tally", &TALLY, Whole)
    }
}

impl<'de> DeserializeSeed<'de> for Into<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match &self {
            Self::Hosts(_) | Self::HostLines(..) => deserializer.deserialize_map(self),
            Self::Host(..) => deserializer.deserialize_struct("HostTally", &HOST, self),
            Self::Lines(_) => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for Into<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hosts(_) => "hosts",
            Self::Host(..) => "the lines of a host",
            Self::HostLines(..) | Self::Lines(_) => "lines with their counts",
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self {
            Self::HostLines(tally, host) => {
                while let Some((line, count)) = map.next_entry::<BString, u64>()? {
                    let key = Key { host, line: &line };
                    tally.change(key, key.hash(), UNBOUNDED, count, |_| count);
                }
            }
            Self::Hosts(tally) => {
                while let Some(name) = map.next_key::<BString>()? {
                    let place = match tally.known(name.as_ref()) {
                        Some(place) => place,
                        None => tally.push(name, 0),
                    };
                    map.next_value_seed(Into::Host(tally, place))?;
                }
            }
            Self::Host(..) | Self::Lines(_) => return Err(A::Error::custom("this is no map")),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let missing = || A::Error::custom("a part of a host is missing");
        match self {
            Self::Lines(tally) => {
                while let Some((host, line, count)) = seq.next_element::<(u32, BString, u64)>()? {
                    tally.append(host, &line, count).map_err(A::Error::custom)?;
                }
            }
            Self::Host(tally, place) => {
                let lines = seq.next_element_seed(Into::HostLines(tally, place))?;
                lines.ok_or_else(missing)?;
                let others = seq.next_element()?.ok_or_else(missing)?;
                if let Some(host) = tally.hosts.get_mut(place as usize) {
                    host.others = others;
                }
            }
            Self::Hosts(_) | Self::HostLines(..) => {
                return Err(A::Error::custom("this is no sequence"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::hosts::HostTable;

    /// The lines of a host and the number of its other lines, as versions 1 and 2 have them.
    type OldHost = (BTreeMap<BString, u64>, u64);

    #[test]
    fn a_tally_of_an_older_snapshot_is_read() {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        for (host, line, n) in [
            ("b", "x", 2),
            ("a", "x", 1),
            ("b", "y", 70_000),
            ("c", "z", 1),
        ] {
            tally.add(table.host(host.as_bytes()), line.as_bytes(), n, 3);
        }
        let lines = |lines: &[(&str, u64)]| {
            let lines = lines.iter().map(|(line, n)| (BString::from(*line), *n));
            lines.collect::<BTreeMap<_, _>>()
        };
        let hosts: BTreeMap<BString, OldHost> = [
            ("a".into(), (lines(&[("x", 1)]), 0)),
            ("b".into(), (lines(&[("x", 2), ("y", 70_000)]), 0)),
            ("[other hosts]".into(), (lines(&[]), 1)),
        ]
        .into();
        let old = postcard::to_stdvec(&(hosts, 3_usize)).unwrap();
        assert_eq!(postcard::from_bytes::<Tally>(&old).unwrap(), tally);
        let new = postcard::to_stdvec(&tally).unwrap();
        assert_eq!(postcard::from_bytes::<Tally>(&new).unwrap(), tally);
        for bytes in [old, new] {
            for length in 0..bytes.len() {
                assert!(postcard::from_bytes::<Tally>(&bytes[..length]).is_err());
            }
        }
        let empty = postcard::to_stdvec(&Tally::default()).unwrap();
        assert_eq!(
            postcard::from_bytes::<Tally>(&empty).unwrap(),
            Tally::default()
        );
    }
}
