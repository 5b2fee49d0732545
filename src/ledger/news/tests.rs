use super::*;
use crate::ledger::Day;
use crate::random::Random;

/// What a disk would hold after commits of every kind.
#[derive(Default)]
struct Committed(News);

impl Committed {
    fn commit(&mut self, live: &mut News, whole: bool) {
        match (live.changes(), whole) {
            (_, true) => {
                let bytes = postcard::to_stdvec(live).unwrap();
                self.0 = postcard::from_bytes(&bytes).unwrap();
            }
            (Some(change), false) => {
                let bytes = postcard::to_stdvec(&change).unwrap();
                self.0.take_changes(postcard::from_bytes(&bytes).unwrap());
            }
            (None, false) => {}
        }
        live.committed();
        assert_eq!(self.0, *live);
        assert_eq!(live.changes(), None);
    }
}

fn any_op(random: &mut Random) -> Op {
    let day = |random: &mut Random| Day::numbered(random.below(400) as u16);
    match random.below(60) {
        0 => Op::ForgetBefore(day(random)),
        1 => Op::KeepKinds(random.below(300)),
        2 => Op::KeepPairs(random.below(300)),
        3 => Op::KeepHosts(random.below(30)),
        4..20 => {
            let number = random.below(40) as u16;
            let host = KnownHost {
                name: format!("h{number}").into(),
                first: day(random),
                last: day(random),
            };
            Op::Host(number, host)
        }
        20..40 => Op::Pair(Pair::new(random.bits() >> 8 << 52, day(random))),
        _ => Op::Kind(Kind {
            hash: random.bits() >> 54,
            first: day(random),
            last: day(random),
            pause: 0,
            host: [NOBODY, random.below(40) as u16][random.below(2)],
        }),
    }
}

#[test]
fn commits_lead_to_the_same_news() {
    let mut random = Random::new(7);
    let (mut live, mut disk) = (News::default(), Committed::default());
    assert_eq!(live.changes(), None, "nothing of nothing");
    for round in 0..400 {
        for _ in 0..random.below(60) {
            live.perform(any_op(&mut random));
        }
        disk.commit(&mut live, round == 0 || random.percent(5));
    }
    assert!(live.kinds().count() > 50 && live.hosts().count() > 5);
}
