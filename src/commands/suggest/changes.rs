//! Changes of the rules of a review: another pattern, two rules made one, one made several. Each is proven on the
//! messages at once, before it takes the place of what was there.

use std::rc::Rc;

use super::checks::warnings_of;
use super::decisions::{Decisions, Hosts, Item};
use crate::pattern::{Found, Pattern};
use crate::shown::shown;
use crate::suggest::print::number;
use crate::suggest::shape::{self, Message};
use crate::suggest::{Loudness, loudness};

/// The most rules that one is split into, besides the rest.
const PARTS: usize = 8;

/// What became of a rule: its place now, and what is to be told of it.
pub(super) type Changed = Result<(usize, String), String>;

/// The direction in which a mask is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    Narrower,
    Wider,
}

fn takes(pattern: &Pattern, message: &Message) -> bool {
    pattern.is_match(&message.0) == Found::Yes
}

fn lines(messages: &[Message]) -> u64 {
    messages.iter().map(|(_, lines)| lines).sum()
}

/// Where a changed rule stands among the others of its program.
struct Place {
    /// The rules whose messages it takes all: they become one with it.
    joined: Vec<usize>,
    /// The number of the other rules before it.
    before: usize,
}

impl Decisions {
    /// Gives a rule another pattern. Messages that it does not take stay with the old one; open rules of which it
    /// takes all become one with it.
    pub(super) fn change(&mut self, program: usize, at: usize, pattern: &[u8]) -> Changed {
        let gone = || "there is no such rule".to_owned();
        let (_, item) = self.item(program, at).ok_or_else(gone)?;
        let stays = "the old one stays";
        if pattern.is_empty() {
            return Err(format!("this is no pattern: it is empty; {stays}"));
        }
        let compiled = Pattern::compile(pattern)
            .map_err(|e| format!("this is no pattern: {}; {stays}", e.message))?;
        let all = item.messages.len();
        let (taken, rest): (Vec<_>, Vec<_>) = item
            .messages
            .iter()
            .cloned()
            .partition(|message| takes(&compiled, message));
        let mut told = format!("takes {} of {all} samples", taken.len());
        if taken.is_empty() {
            return Err(format!("{told}; the old pattern stays"));
        }
        let old = Pattern::compile(&item.pattern)
            .ok()
            .filter(|_| !rest.is_empty());
        let place = self.place(program, at, &compiled, old.as_ref())?;
        if !place.joined.is_empty() {
            let others = number(place.joined.len() as u64, "other rule");
            told += &format!(", and all of {others}, one with it now");
        }
        if !rest.is_empty() {
            told += "; the others keep the old pattern";
        }
        if let Some(warning) = warnings_of(pattern) {
            told += &format!("; tenshi -C warns: {warning}");
        }
        self.step(program, |items| {
            replace(items, at, pattern, &place, (taken, rest))
        });
        Ok((place.before, told))
    }

    /// Finds the place of a rule with another pattern: behind those whose messages it takes, before those that
    /// take its own. `old` is the pattern that stays behind it.
    fn place(
        &self,
        program: usize,
        at: usize,
        pattern: &Pattern,
        old: Option<&Pattern>,
    ) -> Result<Place, String> {
        let items = self.programs.get(program).map(|p| &p.items[..]);
        let items = items.unwrap_or_default();
        let taken = |item: &Item| item.messages.iter().filter(|m| takes(pattern, m)).count();
        let is_joined = |(other, item): (usize, &Item)| {
            let all = item.is_open() && taken(item) == item.messages.len();
            (other != at && all).then_some(other)
        };
        let joined: Vec<usize> = items.iter().enumerate().filter_map(is_joined).collect();
        let own = |other: &usize| *other == at || joined.contains(other);
        let mine = || {
            let own = items.iter().enumerate().filter(|(other, _)| own(other));
            own.flat_map(|(_, item)| item.messages.iter())
        };
        let others = items.iter().enumerate().filter(|(other, _)| !own(other));
        let (mut wanted, mut least, mut most) = (0, 0, usize::MAX);
        let mut between = (0, 0);
        for (number, (other, item)) in others.enumerate() {
            wanted += usize::from(other < at);
            let stays = |old: &Pattern| item.messages.iter().any(|m| takes(old, m));
            if taken(item) > 0 || (other < at && old.is_some_and(stays)) {
                (least, between.0) = (number + 1, other);
            }
            let compiled = Pattern::compile(&item.pattern).ok();
            if most == usize::MAX && compiled.is_some_and(|own| mine().any(|m| takes(&own, m))) {
                (most, between.1) = (number, other);
            }
        }
        if least > most {
            let name = |at: usize| items.get(at).map(|item| shown(&item.pattern).to_string());
            let (takes, taken) = (name(between.1), name(between.0));
            return Err(format!(
                "it would take lines of {}, and {} would take its own; the old pattern stays",
                taken.unwrap_or_default(),
                takes.unwrap_or_default()
            ));
        }
        Ok(Place {
            joined,
            before: wanted.clamp(least, most),
        })
    }

    /// Makes a piece of a rule narrower or wider.
    pub(super) fn resize(
        &mut self,
        program: usize,
        at: usize,
        piece: usize,
        width: Width,
    ) -> Changed {
        let gone = || "there is no such rule".to_owned();
        let (one, item) = self.item(program, at).ok_or_else(gone)?;
        let shape = one.shape(item);
        let (pattern, no) = match width {
            Width::Narrower => (shape.narrower(piece, &item.messages), "no narrower form"),
            Width::Wider => (shape.wider(piece, &item.messages), "no wider form"),
        };
        let pattern = pattern.ok_or_else(|| format!("this piece has {no}"))?;
        self.change(program, at, &pattern)
    }

    /// Lets reports show the value of a mask, or hides it again.
    pub(super) fn keep(&mut self, program: usize, at: usize, piece: usize) -> Changed {
        let gone = || "there is no such rule".to_owned();
        let (one, item) = self.item(program, at).ok_or_else(gone)?;
        let pattern = one.shape(item).kept(piece);
        let pattern = pattern.ok_or("only a mask hides its value: choose one")?;
        self.change(program, at, &pattern)
    }

    /// Makes one rule of two, with the narrowest pattern that takes the messages of both and of no other.
    pub(super) fn join(&mut self, program: usize, at: usize, other: usize) -> Changed {
        let gone = || "there is no such rule".to_owned();
        let (one, item) = self.item(program, at).ok_or_else(gone)?;
        let (_, second) = self.item(program, other).ok_or_else(gone)?;
        if at == other || !item.is_open() || !second.is_open() {
            return Err("choose another open rule to join it with".into());
        }
        let (shape, second_shape) = (one.shape(item), one.shape(second));
        let candidates = shape::joined((&shape, &item.messages), (&second_shape, &second.messages));
        let fits = |pattern: &Vec<u8>| {
            let Ok(compiled) = Pattern::compile(pattern) else {
                return false;
            };
            one.items.iter().enumerate().all(|(n, item)| {
                let mut messages = item.messages.iter();
                match n == at || n == other {
                    true => messages.all(|message| takes(&compiled, message)),
                    false => !messages.any(|message| takes(&compiled, message)),
                }
            })
        };
        let found = candidates.into_iter().find(fits);
        let found = found.ok_or("no pattern takes both rules and nothing of the others")?;
        self.change(program, at, &found)
    }

    /// Makes a rule of each of the most frequent values of a mask; what is left stays one.
    pub(super) fn split(&mut self, program: usize, at: usize, piece: usize) -> Changed {
        let gone = || "there is no such rule".to_owned();
        let (one, item) = self.item(program, at).ok_or_else(gone)?;
        let shape = one.shape(item);
        let values = shape.values(piece, &item.messages);
        if values.len() < 2 {
            return Err("one value alone stands there: choose another mask".into());
        }
        let (mut parts, mut left) = (Vec::new(), item.messages.to_vec());
        for (value, _) in values.iter().filter(|(v, _)| !v.is_empty()).take(PARTS) {
            let pattern = shape.with_value(piece, value);
            let Ok(compiled) = Pattern::compile(&pattern) else {
                continue;
            };
            let (taken, rest): (Vec<_>, Vec<_>) = left
                .into_iter()
                .partition(|message| takes(&compiled, message));
            left = rest;
            if !taken.is_empty() {
                parts.push(part(item, &pattern, taken));
            }
        }
        let rest = item.lines
            - parts
                .iter()
                .map(|part| part.lines)
                .sum::<u64>()
                .min(item.lines);
        let told = format!("now {}", number(parts.len() as u64, "rule"));
        let told = match rest {
            0 => told,
            rest => format!("{told}, and one for the other {}", number(rest, "line")),
        };
        self.step(program, |items| {
            if let Some(item) = items.get_mut(at) {
                (item.lines, item.messages) = (rest, left.into());
                item.hosts = at_most(item.hosts);
            }
            let from = at + usize::from(rest == 0);
            items.splice(at..from, parts);
        });
        Ok((at, told))
    }
}

fn at_most(hosts: Hosts) -> Hosts {
    let (Hosts::Exactly(number) | Hosts::AtMost(number)) = hosts;
    match number {
        1 => hosts,
        _ => Hosts::AtMost(number),
    }
}

/// The louder of what a rule was, and of what its pattern says now.
fn louder(item: &mut Item, (level, why): (Loudness, Option<String>)) {
    if level < item.loudness || (item.why.is_none() && why.is_some()) {
        (item.loudness, item.why) = (level.min(item.loudness), why);
    }
}

/// A part of a rule.
fn part(item: &Item, pattern: &[u8], messages: Vec<Message>) -> Item {
    let mut part = Item {
        pattern: pattern.to_vec(),
        lines: lines(&messages),
        hosts: at_most(item.hosts),
        messages: messages.into(),
        ..item.clone()
    };
    louder(&mut part, loudness(pattern));
    part
}

/// Puts a rule with another pattern in its place, and what it does not take behind it.
fn replace(
    items: &mut Vec<Item>,
    at: usize,
    pattern: &[u8],
    place: &Place,
    (taken, rest): (Vec<Message>, Vec<Message>),
) {
    let mut others = Vec::new();
    let (mut changed, mut joined) = (None, Vec::new());
    for (number, item) in std::mem::take(items).into_iter().enumerate() {
        match number {
            _ if number == at => changed = Some(item),
            _ if place.joined.contains(&number) => joined.push(item),
            _ => others.push(item),
        }
    }
    let Some(old) = changed else {
        *items = others;
        return;
    };
    let mut new = Item {
        pattern: pattern.to_vec(),
        ..old.clone()
    };
    louder(&mut new, loudness(pattern));
    let mut messages = taken;
    let mut left = None;
    if !rest.is_empty() {
        let mut rest = part(&old, &old.pattern, rest);
        rest.lines = rest.lines.min(old.lines);
        new.lines = old.lines - rest.lines;
        new.hosts = at_most(new.hosts);
        left = Some(rest);
    }
    for item in joined {
        let (Hosts::Exactly(a) | Hosts::AtMost(a)) = new.hosts;
        let (Hosts::Exactly(b) | Hosts::AtMost(b)) = item.hosts;
        new.lines += item.lines;
        new.hosts = Hosts::AtMost(a + b);
        messages.extend(item.messages.iter().cloned());
        louder(&mut new, (item.loudness, item.why));
        for origin in item.origins {
            if !new.origins.iter().any(|one| Rc::ptr_eq(one, &origin)) {
                new.origins.push(origin);
            }
        }
    }
    new.messages = messages.into();
    let behind = others.split_off(place.before.min(others.len()));
    others.push(new);
    others.extend(left);
    others.extend(behind);
    *items = others;
}
