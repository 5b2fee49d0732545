//! The protocol holds in every state within the bounds, and without any one of its steps it does not.
//!
//! `TENSHI_TORTURE=1` looks at larger sites.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};
use tenshi_model::{Bounds, Steps, Whole};

/// Whether there is time for more.
fn much() -> bool {
    std::env::var_os("TENSHI_TORTURE").is_some()
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Looks at all states.
fn holds(name: &str, consoles: usize, bounds: Bounds) {
    let begun = Instant::now();
    let whole = Whole {
        steps: Steps::all(consoles),
        bounds,
    };
    let checked = whole.checker().threads(threads()).spawn_bfs().join();
    println!(
        "{name}: {} states, {:.1} s",
        checked.unique_state_count(),
        begun.elapsed().as_secs_f64()
    );
    checked.assert_properties();
}

/// Looks for two letters with one share when a step of the protocol is left out, and shows a shortest way there.
fn doubles(bounds: Bounds, leave_out: fn(&mut Steps)) {
    let property = "no share is in two letters";
    let mut steps = Steps::all(2);
    leave_out(&mut steps);
    let whole = Whole { steps, bounds };
    let until = HasDiscoveries::AllOf([property].into_iter().collect());
    let checker = whole.checker().threads(threads()).finish_when(until);
    let found = checker.spawn_bfs().join().discovery(property);
    let path = found.unwrap_or_else(|| panic!("{property} without this step too: {steps:?}"));
    for action in path.into_actions() {
        println!("{action:?}");
    }
}

const SMALL: Bounds = Bounds {
    shares: 1,
    wipes: 1,
    late: 1,
    restores: 0,
    acquainted: true,
};

const CALM: Bounds = Bounds {
    wipes: 0,
    late: 0,
    ..SMALL
};

#[test]
fn two_consoles_a_wipe_and_a_late_write() {
    let wipes = if much() { 2 } else { 1 };
    holds("a wipe and a late write", 2, Bounds { wipes, ..SMALL });
}

#[test]
fn two_consoles_with_a_share_each() {
    let late = u8::from(much());
    let bounds = Bounds {
        shares: 2,
        wipes: 1,
        late,
        ..CALM
    };
    holds("two shares", 2, bounds);
}

#[test]
fn consoles_that_never_heard_of_each_other() {
    let bounds = Bounds {
        wipes: if much() { 2 } else { 1 },
        late: u8::from(much()),
        acquainted: false,
        ..SMALL
    };
    holds("strangers", 2, bounds);
}

#[test]
fn a_board_that_comes_back_from_a_copy() {
    let bounds = Bounds {
        wipes: u8::from(much()),
        restores: 1,
        ..CALM
    };
    holds("a copy", 2, bounds);
}

#[test]
fn three_consoles() {
    let wipes = u8::from(much());
    holds("three consoles", 3, Bounds { wipes, ..CALM });
}

#[test]
fn a_share_that_is_written_before_its_number_is_committed_is_doubled() {
    doubles(SMALL, |steps| steps.notes_first = false);
}

#[test]
fn a_share_that_does_not_wait_for_what_others_took_is_doubled_by_a_wipe() {
    doubles(SMALL, |steps| steps.waits_for_taken = false);
}

#[test]
fn a_visit_that_began_before_a_wipe_doubles_if_it_does_not_look_at_the_number_again() {
    doubles(SMALL, |steps| steps.checks_number = false);
}

#[test]
fn a_console_that_takes_shares_of_those_who_do_not_know_it_doubles_them() {
    let strangers = Bounds {
        acquainted: false,
        ..SMALL
    };
    doubles(strangers, |steps| steps.asks_known = false);
}

#[test]
fn a_visit_that_begins_before_the_last_answer_is_committed_doubles() {
    doubles(SMALL, |steps| steps.commits_answers = false);
}

#[test]
fn a_late_write_doubles_a_share_whose_claim_is_gone() {
    doubles(Bounds { late: 1, ..CALM }, |steps| {
        steps.keeps_claims = false;
    });
}

#[test]
fn a_server_that_comes_back_with_its_old_number_doubles() {
    doubles(
        Bounds {
            restores: 1,
            ..CALM
        },
        |steps| steps.number_of_run = false,
    );
}
