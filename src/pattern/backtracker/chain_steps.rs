//! Finds a [`Chain`] at the end of the steps of a pattern.

use super::chain::{Chain, Edge, End, Part};
use super::literal::Needle;
use super::steps::Step;

impl Chain {
    /// Replaces the longest tail of the steps that is a chain by one step.
    pub(super) fn replace(steps: &mut Vec<Step>) {
        let target = |step: &Step| match step {
            Step::Split(split) => split.ways.iter().copied().max(),
            &Step::Jump(to) => Some(to),
            _ => None,
        };
        // No jump may lead into the chain.
        let from = steps.iter().filter_map(target).max().unwrap_or(0);
        for start in from..steps.len() {
            if let Some(chain) = Self::of(&steps[start..]) {
                steps.truncate(start);
                steps.push(Step::Chain(Box::new(chain)));
                return;
            }
        }
    }

    fn of(steps: &[Step]) -> Option<Self> {
        let (mut parts, mut last) = (Vec::new(), Vec::new());
        let mut end = End::Anything;
        let mut before = 0;
        let mut steps = steps.iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::Repeat(repeat) if !repeat.lazy && repeat.run.takes_all() => {
                    let min = repeat.run.min as usize;
                    let in_front = edges(&mut steps);
                    let Some(Step::Literal(bytes)) = steps.next() else {
                        return None;
                    };
                    let behind = edges(&mut steps);
                    before += min;
                    let in_front = in_front.into_iter().map(|edge| (edge, 0));
                    let behind = behind.into_iter().map(|edge| (edge, bytes.len()));
                    parts.push(Part {
                        min,
                        literal: Needle::new(bytes),
                        before,
                        edges: in_front.chain(behind).collect(),
                    });
                    before += bytes.len();
                }
                Step::Run(run) if run.takes_all() && !parts.is_empty() => {
                    end = End::Repeat(run.min as usize);
                    last = edges(&mut steps);
                    steps.next_if(|step| matches!(step, Step::AtEnd));
                    last.extend(edges(&mut steps));
                    break;
                }
                Step::AtEnd if !parts.is_empty() => {
                    end = End::Here;
                    last = edges(&mut steps);
                    break;
                }
                _ => return None,
            }
        }
        if parts.is_empty() || steps.next().is_some() {
            return None;
        }
        let mut chain = Self {
            parts: parts.into(),
            end,
            last: last.into(),
        };
        chain.keep_last();
        Some(chain)
    }

    /// Keeps the last edge of each group only: it is the one that counts, but the parts are matched from
    /// the end.
    fn keep_last(&mut self) {
        let mut seen = Vec::new();
        let mut is_last = |edge: Edge| {
            let new = !seen.contains(&edge);
            seen.push(edge);
            new
        };
        let mut last: Vec<_> = self.last.to_vec();
        last.reverse();
        last.retain(|&edge| is_last(edge));
        self.last = last.into();
        for part in self.parts.iter_mut().rev() {
            let mut edges = part.edges.to_vec();
            edges.reverse();
            edges.retain(|&(edge, _)| is_last(edge));
            part.edges = edges.into();
        }
    }
}

/// Takes the steps that open or close groups.
fn edges<'a>(steps: &mut std::iter::Peekable<impl Iterator<Item = &'a Step>>) -> Vec<Edge> {
    let mut edges = Vec::new();
    while let Some(step) = steps.peek() {
        edges.push(match **step {
            Step::Open(group) => Edge::Open(group),
            Step::Close(group) => Edge::Close(group),
            _ => break,
        });
        steps.next();
    }
    edges
}
