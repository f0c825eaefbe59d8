//! The state machine that ships, model-checked: every interleaving of pushes, events and handlers, within bounds.

mod catalog;
mod handler;
mod patience;
mod properties;
mod scenario;
mod state;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use catalog::{Catalog, Kind};
use properties::AT_REST;
use scenario::{Reads, Scenario, Sweep};
use state::{Action, Budget};

/// A version of plain images in a mutable repository, with up to three handlers at work at a time.
fn scenario(budget: Budget) -> Scenario {
    Scenario {
        catalog: Catalog::new(Kind::Plain),
        budget,
        handlers: 3,
        reads: Reads::AtOnce,
        sweep: Sweep::Never,
        immutable: false,
        trusts_its_write: false,
    }
}

const PUSHES: Budget = Budget { pushes: 3, doubled: 0, dropped: 0, crashes: 0, resent: 0, stale: 0 };

/// Explores all of the model, where every property must hold. The number of its states is stated, so that a model that
/// no longer reaches them is noticed.
#[track_caller]
fn check(scenario: Scenario, states: usize) {
    let checker = scenario.checker().spawn_bfs().join();
    for (name, path) in checker.discoveries() {
        let is_example = checker.model().property(name).expectation != Expectation::Always;
        let flaw = path.last_state().flaw.clone();
        assert!(is_example, "not so: {name}\n{flaw:?}\n{:?}", path.into_actions());
    }
    checker.assert_properties();
    assert_eq!(checker.unique_state_count(), states);
}

/// Finds a shortest way to break the property, and says in how many steps.
#[track_caller]
fn counterexample(scenario: Scenario, property: &'static str) -> Vec<Action> {
    let finish = HasDiscoveries::AnyOf([property].into());
    let checker = scenario.checker().finish_when(finish).spawn_bfs().join();
    checker.discovery(property).expect("the checker found nothing").into_actions()
}

#[test]
fn the_tag_ends_on_the_list_of_the_images_as_they_stand_whatever_the_order_of_events() {
    check(scenario(Budget { doubled: 1, ..PUSHES }), 30_571);
}

#[test]
fn a_crash_at_any_step_is_made_good_when_the_event_is_delivered_again() {
    check(scenario(Budget { crashes: 1, ..PUSHES }), 21_188);
}

#[test]
fn images_within_indexes_are_no_less_safe() {
    check(Scenario { catalog: Catalog::new(Kind::Attested), ..scenario(Budget { crashes: 1, ..PUSHES }) }, 21_188);
}

#[test]
fn images_of_differing_revisions_are_never_joined() {
    check(Scenario { catalog: Catalog::new(Kind::Revised), ..scenario(Budget { pushes: 4, ..PUSHES }) }, 8_230);
}

#[test]
fn reads_need_not_be_of_one_moment() {
    for (reads, states) in [(Reads::OneByOne, 8_579), (Reads::ListFirst, 5_742)] {
        check(Scenario { reads, handlers: 2, ..scenario(PUSHES) }, states);
    }
}

#[test]
fn a_write_that_is_sent_again_after_others_have_written_is_mended() {
    check(scenario(Budget { resent: 1, ..PUSHES }), 21_804);
}

#[test]
fn a_sweep_in_the_middle_does_no_harm() {
    check(Scenario { sweep: Sweep::AnyTime, ..scenario(PUSHES) }, 36_058);
}

#[test]
fn an_immutable_tag_is_written_once_and_never_with_a_wrong_list() {
    check(Scenario { immutable: true, ..scenario(Budget { crashes: 1, ..PUSHES }) }, 14_449);
}

#[test]
fn the_sweep_makes_up_for_lost_events_and_nothing_else_does() {
    let lossy = || scenario(Budget { dropped: 1, ..PUSHES });
    check(Scenario { sweep: Sweep::InTheEnd, ..lossy() }, 4_455);
    let [.., Action::Drop(_)] = counterexample(lossy(), AT_REST)[..] else { panic!("another way to lose an event") };
}

#[test]
fn the_sweep_makes_up_for_stale_reads_and_nothing_else_does() {
    let misled = || scenario(Budget { stale: 1, ..PUSHES });
    check(Scenario { sweep: Sweep::InTheEnd, ..misled() }, 77_804);
    let [.., Action::Take(_, Some(_))] = counterexample(misled(), AT_REST)[..] else {
        panic!("another way to be misled")
    };
}

#[test]
fn the_sweep_makes_up_for_events_that_were_given_up_and_nothing_else_does() {
    let given_up = || scenario(Budget { pushes: 2, crashes: 3, ..PUSHES });
    check(Scenario { sweep: Sweep::InTheEnd, ..given_up() }, 185);
    let [.., Action::Crash(_)] = counterexample(given_up(), AT_REST)[..] else { panic!("another way to be given up") };
}

/// The checker finds what the confirming read is for: whoever read before the last push writes last.
#[test]
fn without_the_confirming_read_an_update_is_lost() {
    let steps = counterexample(Scenario { trusts_its_write: true, ..scenario(PUSHES) }, AT_REST);
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

const FOUR_PUSHES: Budget = Budget { pushes: 4, ..PUSHES };

#[test]
#[ignore = "takes minutes: cargo test --test it model:: -- --ignored"]
fn more_pushes_change_nothing() {
    check(scenario(Budget { doubled: 1, ..FOUR_PUSHES }), 3_510_444);
    check(scenario(Budget { crashes: 1, ..FOUR_PUSHES }), 3_119_744);
    check(scenario(Budget { resent: 1, ..FOUR_PUSHES }), 3_377_610);
    check(Scenario { handlers: 2, ..scenario(Budget { pushes: 5, crashes: 1, ..PUSHES }) }, 1_282_923);
    let revised = Catalog::new(Kind::Revised);
    check(Scenario { catalog: revised, ..scenario(Budget { pushes: 5, crashes: 1, ..PUSHES }) }, 185_587);
}

#[test]
#[ignore = "takes minutes: cargo test --test it model:: -- --ignored"]
fn reads_need_not_be_of_one_moment_whatever_else_goes_wrong() {
    for (reads, crashing, pushing) in [(Reads::OneByOne, 880_622, 294_461), (Reads::ListFirst, 563_448, 145_936)] {
        check(Scenario { reads, ..scenario(Budget { crashes: 1, ..PUSHES }) }, crashing);
        check(Scenario { reads, handlers: 2, ..scenario(FOUR_PUSHES) }, pushing);
    }
}

#[test]
#[ignore = "takes minutes: cargo test --test it model:: -- --ignored"]
fn several_faults_at_once_change_nothing() {
    let attested = Catalog::new(Kind::Attested);
    check(Scenario { catalog: attested, ..scenario(Budget { doubled: 1, crashes: 1, ..PUSHES }) }, 224_234);
    let lossy = Budget { doubled: 1, dropped: 1, crashes: 1, resent: 1, ..PUSHES };
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(lossy) }, 1_758_059);
    let misled = Budget { dropped: 1, crashes: 1, stale: 1, ..PUSHES };
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(misled) }, 430_395);
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(Budget { stale: 2, ..PUSHES }) }, 657_049);
    check(Scenario { sweep: Sweep::AnyTime, ..scenario(Budget { crashes: 1, resent: 1, ..PUSHES }) }, 1_249_685);
    let immutable = Budget { doubled: 1, crashes: 1, resent: 1, ..PUSHES };
    check(Scenario { immutable: true, ..scenario(immutable) }, 735_389);
}
