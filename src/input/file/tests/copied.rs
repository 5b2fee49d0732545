//! A log that is replaced by a copy of itself while lines of it are not read yet.

use super::*;

/// A log that begins with `first` gets lines of several turns, of which some are read; then it is replaced by its
/// copy with one more line. With `read_after` some turns more are read, and the daemon is killed: the file before is
/// gone with it.
fn replaced(first: &str, read_before: usize, read_after: Option<usize>) {
    let mut w = World::new();
    w.append(&w.log, first);
    w.start();
    let mut want: Vec<String> = (0..30_000)
        .map(|n| format!("line {n} of a log that is read in several turns"))
        .collect();
    w.append(&w.log, &format!("{}\n", want.join("\n")));
    if read_before > 0 {
        w.turns(read_before);
        assert!(w.more, "{} lines", w.lines.len());
    }
    let copy = w.rotated(".copy");
    fs::copy(&w.log, &copy).unwrap();
    w.append(&copy, "one more\n");
    want.push("one more".into());
    fs::rename(&copy, &w.log).unwrap();
    if let Some(turns) = read_after {
        w.turns(turns);
        assert!(w.more, "{} lines", w.lines.len());
        w.follower = None;
        w.start();
    }
    w.scan();
    let case = format!("{first:?}, {read_before} and {read_after:?}");
    assert!(w.lines == want, "{case}: {} lines", w.lines.len());
    assert!(w.notices.is_empty(), "{case}: {:?}", w.notices);
}

#[test]
fn i1_a_log_that_is_replaced_by_its_copy_is_read_once_over_kills() {
    for first in ["", "was there before\n"] {
        for read_before in 0..4 {
            for read_after in [None, Some(1), Some(2)] {
                replaced(first, read_before, read_after);
            }
        }
    }
}
