//! The state machine of image tags as it ships, model-checked: every interleaving of pushes of lists, events and handlers,
//! within bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test crate exports nothing")]

mod catalog;
#[path = "../support/exploration.rs"]
mod exploration;
mod handler;
#[path = "../support/handlers.rs"]
mod handlers;
mod scenario;
mod transcripts;

use catalog::Catalog;
use exploration::{check, counterexample};
use scenario::{Action, Budget, QUIESCENT_IS_TAGGED, Reads, Scenario};

/// Three lists under one version, with up to two handlers at a time.
fn scenario(budget: Budget) -> Scenario {
    Scenario {
        catalog: Catalog::new(),
        budget,
        handlers: 2,
        reads: Reads::AtOnce,
        has_sweep: false,
        immutable: false,
        skips_confirmation: false,
    }
}

const NO_FAULT: Budget = Budget { duplicates: 0, dropped: 0, crashes: 0, late: 0 };

#[test]
fn tags_end_on_the_images_of_the_list() {
    check(Scenario { handlers: 3, ..scenario(NO_FAULT) }, 44_004);
}

#[test]
fn redelivery_repairs_a_crash_at_any_step() {
    check(scenario(Budget { crashes: 2, ..NO_FAULT }), 99_798);
}

#[test]
fn repeated_events_do_no_harm() {
    check(scenario(Budget { duplicates: 1, crashes: 1, ..NO_FAULT }), 207_131);
}

#[test]
fn reads_one_by_one_are_as_safe() {
    check(Scenario { reads: Reads::OneByOne, ..scenario(Budget { crashes: 1, ..NO_FAULT }) }, 484_274);
}

#[test]
fn immutable_tags_are_written_once() {
    check(Scenario { immutable: true, ..scenario(Budget { crashes: 1, ..NO_FAULT }) }, 12_147);
}

#[test]
fn only_the_sweep_repairs_lost_events() {
    let lost = Budget { dropped: 1, ..NO_FAULT };
    check(Scenario { has_sweep: true, ..scenario(lost) }, 7_851);
    assert!(matches!(counterexample(scenario(lost), QUIESCENT_IS_TAGGED)[..], [.., Action::Drop(_)]));
}

#[test]
fn only_the_sweep_repairs_late_writes() {
    let late = Budget { late: 1, ..NO_FAULT };
    check(Scenario { has_sweep: true, ..scenario(late) }, 45_904);
    assert!(matches!(counterexample(scenario(late), QUIESCENT_IS_TAGGED)[..], [.., Action::Land(..)]));
}

/// The negative control of the read after the writes.
#[test]
fn without_the_confirming_read_tags_stay_behind() {
    let steps = counterexample(Scenario { skips_confirmation: true, ..scenario(NO_FAULT) }, QUIESCENT_IS_TAGGED);
    let takes = steps.iter().filter(|step| matches!(step, Action::Take(_))).count();
    assert!(takes == 3 && matches!(steps[..], [.., Action::Step(..)]), "{steps:?}");
}
