//! The state machine that ships, model-checked: every interleaving of pushes, events and handlers, within bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test crate exports nothing")]

mod catalog;
#[path = "../support/exploration.rs"]
mod exploration;
mod handler;
#[path = "../support/handlers.rs"]
mod handlers;
mod properties;
mod retries;
mod scenario;
mod state;

use catalog::{Catalog, Kind, List};
use exploration::{check, counterexample};
use properties::{AFTER_THE_SWEEP, QUIESCENT_IS_CORRECT};
use scenario::{Reads, Scenario, Sweep};
use state::{Action, Budget};

/// A version of plain images in a mutable repository, with up to three handlers at a time.
fn scenario(budget: Budget) -> Scenario {
    Scenario {
        catalog: Catalog::new(Kind::Plain),
        budget,
        handlers: 3,
        reads: Reads::AtOnce,
        sweep: Sweep::Never,
        immutable: false,
        has_history: false,
        skips_confirmation: false,
    }
}

const PUSHES: Budget = Budget {
    pushes: 3,
    duplicates: 0,
    dropped: 0,
    crashes: 0,
    write_retries: 0,
    late: 0,
    stale_reads: 0,
    joins: 0,
    lists: 0,
    restarts: 0,
};

#[test]
fn tag_ends_on_the_current_list_in_any_order_of_events() {
    check(scenario(Budget { duplicates: 1, ..PUSHES }), 40_137);
}

#[test]
fn redelivery_repairs_a_crash_at_any_step() {
    check(scenario(Budget { crashes: 1, ..PUSHES }), 25_794);
}

#[test]
fn images_within_indexes_are_as_safe() {
    check(Scenario { catalog: Catalog::new(Kind::Attested), ..scenario(Budget { crashes: 1, ..PUSHES }) }, 25_794);
}

#[test]
fn images_of_differing_revisions_are_never_published() {
    check(Scenario { catalog: Catalog::new(Kind::Revised), ..scenario(Budget { pushes: 4, ..PUSHES }) }, 9_785);
}

#[test]
fn non_atomic_reads_are_safe() {
    for (reads, states) in [(Reads::OneByOne, 10_001), (Reads::ListFirst, 6_006)] {
        check(Scenario { reads, handlers: 2, ..scenario(PUSHES) }, states);
    }
}

#[test]
fn retried_write_after_other_writes_is_repaired() {
    check(scenario(Budget { write_retries: 1, ..PUSHES }), 28_966);
}

#[test]
fn joined_events_are_as_safe() {
    check(scenario(Budget { joins: 1, crashes: 1, ..PUSHES }), 32_364);
}

#[test]
fn write_after_another_observation_is_as_safe() {
    check(scenario(Budget { restarts: 2, ..PUSHES }), 80_746);
}

#[test]
fn sweep_in_the_middle_does_no_harm() {
    check(Scenario { sweep: Sweep::AnyTime, ..scenario(PUSHES) }, 46_864);
}

#[test]
fn immutable_tag_is_written_once() {
    check(Scenario { immutable: true, ..scenario(Budget { crashes: 1, ..PUSHES }) }, 14_449);
}

const LOST_EVENT: Budget = Budget { dropped: 1, ..PUSHES };
const STALE_READ: Budget = Budget { stale_reads: 1, ..PUSHES };
const EXHAUSTED_RETRIES: Budget = Budget { pushes: 2, crashes: 3, ..PUSHES };

#[test]
fn only_the_sweep_repairs_lost_events() {
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(LOST_EVENT) }, 5_231);
    assert!(matches!(counterexample(scenario(LOST_EVENT), QUIESCENT_IS_CORRECT)[..], [.., Action::Drop(_)]));
}

#[test]
fn only_the_sweep_repairs_stale_reads() {
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(STALE_READ) }, 138_396);
    let steps = counterexample(scenario(STALE_READ), QUIESCENT_IS_CORRECT);
    assert!(matches!(steps[..], [.., Action::Take(_, Some(_))]), "{steps:?}");
}

#[test]
fn only_the_sweep_repairs_events_whose_retries_are_exhausted() {
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(EXHAUSTED_RETRIES) }, 185);
    assert!(matches!(counterexample(scenario(EXHAUSTED_RETRIES), QUIESCENT_IS_CORRECT)[..], [.., Action::Crash(_)]));
}

/// The negative control of the confirming read: the checker finds that a handler that read before the last push writes
/// last.
#[test]
fn without_the_confirming_read_an_update_is_lost() {
    let steps = counterexample(Scenario { skips_confirmation: true, ..scenario(PUSHES) }, QUIESCENT_IS_CORRECT);
    let [
        Action::Push(first),
        Action::Push(second),
        Action::Take(early, None),
        Action::Push(again),
        ..,
        Action::Step(_, None),
    ] = steps[..]
    else {
        panic!("another way to lose an update: {steps:?}")
    };
    assert!(first != second && again != early.platform);
}

const LATE_WRITE: Budget = Budget { late: 1, ..PUSHES };

/// What the confirming read cannot see: ECR carries out the first attempt of a write after the second was confirmed, and
/// after a push was answered by another handler. Nobody was told of an error, and the tag names the earlier list.
#[test]
fn write_that_lands_after_its_confirmation_leaves_a_stale_list() {
    let steps = counterexample(scenario(LATE_WRITE), QUIESCENT_IS_CORRECT);
    assert!(steps.iter().any(|step| matches!(step, Action::DelayWrite(_))), "{steps:?}");
    let [.., Action::Land(landed)] = steps[..] else { panic!("another way to be stale: {steps:?}") };
    assert_eq!(landed, List::own([0, 0]), "the list of the first builds, while a platform has another one");
}

/// The sweep compares by digest what is young, and so finds the stale list.
#[test]
fn sweep_repairs_late_writes() {
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(LATE_WRITE) }, 80_241);
}

/// The negative control of `SETTLED_AFTER`: the list that landed late was first stored after the images.
#[test]
fn sweep_that_trusts_scans_leaves_a_late_write() {
    let trusting = Scenario { sweep: Sweep::TrustsScans, ..scenario(LATE_WRITE) };
    assert!(matches!(counterexample(trusting, AFTER_THE_SWEEP)[..], [.., Action::Land(_), Action::Sweep]));
}

/// An immutable tag keeps the list that was stored first, whenever another one lands.
#[test]
fn late_write_of_an_immutable_tag_does_no_harm() {
    check(Scenario { immutable: true, ..scenario(LATE_WRITE) }, 39_500);
}

const FOUR_PUSHES: Budget = Budget { pushes: 4, ..PUSHES };

#[test]
#[ignore = "takes minutes: cargo test -p ecr-multiarch-core --test model -- --ignored"]
fn more_pushes_are_safe() {
    check(scenario(Budget { duplicates: 1, ..FOUR_PUSHES }), 8_756_443);
    check(scenario(Budget { crashes: 1, ..FOUR_PUSHES }), 7_423_128);
    check(scenario(Budget { write_retries: 1, ..FOUR_PUSHES }), 8_737_825);
    check(Scenario { handlers: 2, ..scenario(Budget { pushes: 5, crashes: 1, ..PUSHES }) }, 3_049_707);
    let revised = Catalog::new(Kind::Revised);
    check(Scenario { catalog: revised, ..scenario(Budget { pushes: 5, crashes: 1, ..PUSHES }) }, 235_067);
}

#[test]
#[ignore = "takes minutes: cargo test -p ecr-multiarch-core --test model -- --ignored"]
fn non_atomic_reads_are_safe_with_other_faults() {
    for (reads, crashing, pushing) in [(Reads::OneByOne, 1_504_343, 526_485), (Reads::ListFirst, 659_630, 207_500)] {
        check(Scenario { reads, ..scenario(Budget { crashes: 1, ..PUSHES }) }, crashing);
        check(Scenario { reads, handlers: 2, ..scenario(FOUR_PUSHES) }, pushing);
    }
}

#[test]
#[ignore = "takes minutes: cargo test -p ecr-multiarch-core --test model -- --ignored"]
fn several_faults_at_once_are_safe() {
    let attested = Catalog::new(Kind::Attested);
    check(Scenario { catalog: attested, ..scenario(Budget { duplicates: 1, crashes: 1, ..PUSHES }) }, 303_760);
    let lossy = Budget { duplicates: 1, dropped: 1, crashes: 1, write_retries: 1, ..PUSHES };
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(lossy) }, 2_690_823);
    let misled = Budget { dropped: 1, crashes: 1, stale_reads: 1, ..PUSHES };
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(misled) }, 805_301);
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(Budget { stale_reads: 2, ..PUSHES }) }, 1_897_135);
    check(Scenario { sweep: Sweep::AnyTime, ..scenario(Budget { crashes: 1, write_retries: 1, ..PUSHES }) }, 1_855_079);
    let immutable = Budget { duplicates: 1, crashes: 1, write_retries: 1, ..PUSHES };
    check(Scenario { immutable: true, ..scenario(immutable) }, 735_389);
}

const LIST_OF_OTHERS: Budget = Budget { lists: 1, ..PUSHES };

#[test]
fn lists_of_others_stay_if_they_are_right() {
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(LIST_OF_OTHERS) }, 658_843);
}

#[test]
fn poorer_lists_of_others_are_repaired() {
    let catalog = Catalog::new(Kind::Attested);
    check(Scenario { catalog, sweep: Sweep::InTheEnd, ..scenario(LIST_OF_OTHERS) }, 970_649);
}

#[test]
fn tags_that_were_moved_back_are_published_by_their_events() {
    check(Scenario { has_history: true, ..scenario(Budget { crashes: 1, ..PUSHES }) }, 215_713);
}
