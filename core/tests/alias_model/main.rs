//! The machines that ship, of versions and of aliases, model-checked: every interleaving of releases, events, handlers
//! and yanks, within bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "the modules of a test crate have no outside")]

mod catalog;
#[path = "../support/exploration.rs"]
mod exploration;
mod handler;
#[path = "../support/handlers.rs"]
mod handlers;
mod incomplete;
mod properties;
mod registry;
mod scenario;
mod state;
mod streams;
mod transcripts;
mod yanks;

use catalog::{Catalog, Content, list_of};
use exploration::{check, counterexample};
use handler::Job;
use properties::{NOT_TAKEN_BACK, QUIESCENT_IS_CORRECT};
use scenario::{Pages, Scenario, Sweep};
use state::{Action, Budget};

/// Two releases that are pushed at once, with one alias.
fn scenario(budget: Budget) -> Scenario {
    Scenario {
        catalog: Catalog::new(&["1.0.0", "1.1.0"], "latest"),
        budget,
        handlers: 2,
        pages: Pages::One,
        sweep: Sweep::Never,
        is_whole: false,
        published: 0,
        foreign: None,
        shared: None,
        watches: true,
        skips_confirmation: false,
    }
}

const TWO: Budget = Budget {
    pushes: 2,
    rebuilds: 0,
    duplicates: 0,
    dropped: 0,
    crashes: 0,
    marks: 0,
    yanks: 0,
    partial_lists: 0,
    write_retries: 0,
    late_writes: 0,
};

const THREE: Budget = Budget { pushes: 3, ..TWO };

/// Explores the model with atomic scans, and with scans in two parts in either order.
#[track_caller]
fn check_pages(scenario: impl Fn() -> Scenario, states: [usize; 3]) {
    for (pages, states) in [Pages::One, Pages::EvenFirst, Pages::OddFirst].into_iter().zip(states) {
        check(Scenario { pages, ..scenario() }, states);
    }
}

/// Three releases of two lines, with an alias of each line and one of both.
fn lines(budget: Budget) -> Scenario {
    Scenario { catalog: Catalog::new(&["1.0.0", "1.1.0", "2.0.0"], "{major},latest"), ..scenario(budget) }
}

#[test]
fn alias_ends_on_the_highest_release_in_any_order_and_crash() {
    let budget = Budget { duplicates: 1, crashes: 1, ..TWO };
    check_pages(|| scenario(budget), [3_738, 17_763, 19_241]);
}

#[test]
fn three_releases_at_once_end_on_the_highest_of_each_line() {
    check(lines(THREE), 12_002);
}

#[test]
fn backport_moves_its_own_line_only() {
    check_pages(|| Scenario { published: 1, ..lines(TWO) }, [333, 1_171, 1_376]);
}

#[test]
fn rebuilt_release_takes_its_alias_along() {
    let budget = Budget { rebuilds: 1, ..TWO };
    check_pages(|| Scenario { watches: false, ..scenario(budget) }, [4_239, 20_308, 19_867]);
}

/// Here the version's machine runs too, instead of one atomic write.
#[test]
fn both_machines_together_are_as_safe() {
    let whole = |budget| Scenario { is_whole: true, ..scenario(budget) };
    check_pages(|| whole(Budget { crashes: 1, ..TWO }), [1_019, 3_817, 4_177]);
    check(Scenario { watches: false, ..whole(Budget { rebuilds: 1, ..TWO }) }, 11_190);
}

#[test]
fn retried_write_after_other_writes_is_repaired() {
    check_pages(|| scenario(Budget { write_retries: 1, ..TWO }), [410, 2_020, 1_978]);
}

#[test]
fn marker_by_hand_takes_the_alias_back_at_any_moment() {
    check(scenario(Budget { crashes: 1, marks: 1, ..TWO }), 8_572);
}

#[test]
fn yank_takes_the_alias_back_in_the_middle_of_everything() {
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(Budget { crashes: 1, yanks: 1, ..TWO }) }, 8_918);
}

#[test]
fn yanked_release_that_is_rebuilt_takes_its_marker_along() {
    let budget = Budget { pushes: 0, rebuilds: 1, yanks: 1, ..TWO };
    check_pages(|| Scenario { published: 2, ..scenario(budget) }, [1_832, 10_779, 7_418]);
}

#[test]
fn sweep_in_the_middle_does_no_harm() {
    check_pages(|| Scenario { sweep: Sweep::AnyTime, ..scenario(TWO) }, [955, 4_161, 4_603]);
}

#[test]
fn what_is_not_the_functions_own_is_left_alone() {
    type Foreign = fn(&Catalog) -> Content;
    for (foreign, states) in [(Catalog::foreign_list as Foreign, [39, 63, 63]), (Catalog::plain_image, [16, 32, 32])] {
        let named = |catalog: &Catalog| Some((catalog.aliases.start, foreign(catalog)));
        check_pages(|| Scenario { foreign: named(&scenario(TWO).catalog), ..scenario(TWO) }, states);
    }
}

/// A list that lacks a platform is never written under an alias, and no alias is taken back from its release.
#[test]
fn release_that_lacks_a_platform_never_gets_an_alias() {
    let partial = |budget| scenario(Budget { partial_lists: 1, ..budget });
    check_pages(|| partial(Budget { crashes: 1, ..TWO }), [5_804, 36_288, 34_285]);
    let rebuilt = Budget { pushes: 0, rebuilds: 1, ..TWO };
    check_pages(|| Scenario { published: 2, ..partial(rebuilt) }, [53, 81, 81]);
    let swept = || Scenario { sweep: Sweep::InTheEnd, ..partial(TWO) };
    check_pages(swept, [1_473, 9_023, 8_157]);
    let marked = Budget { pushes: 1, marks: 1, ..TWO };
    check(Scenario { published: 1, ..partial(marked) }, 1_332);
}

#[test]
fn list_of_another_version_does_not_take_an_alias_back() {
    let rebuilt = |pages| Scenario {
        published: 2,
        pages,
        shared: Some(list_of(1, 0)),
        ..scenario(Budget { pushes: 0, rebuilds: 1, duplicates: 1, ..TWO })
    };
    check(rebuilt(Pages::EvenFirst), 93);
    check(rebuilt(Pages::OddFirst), 75);
}

const LOST_EVENT: Budget = Budget { dropped: 1, ..TWO };
const LATE_WRITE: Budget = Budget { late_writes: 1, ..TWO };
const EXHAUSTED_RETRIES: Budget = Budget { crashes: 3, ..TWO };

#[test]
fn only_the_sweep_repairs_lost_events() {
    check_pages(|| Scenario { sweep: Sweep::InTheEnd, ..scenario(LOST_EVENT) }, [180, 670, 723]);
    let steps = counterexample(scenario(LOST_EVENT), QUIESCENT_IS_CORRECT);
    assert!(steps.iter().any(|step| matches!(step, Action::Drop(_))), "{steps:?}");
}

#[test]
fn only_the_sweep_repairs_late_writes() {
    check_pages(|| Scenario { sweep: Sweep::InTheEnd, ..scenario(LATE_WRITE) }, [1_347, 10_363, 10_721]);
    assert!(matches!(counterexample(scenario(LATE_WRITE), QUIESCENT_IS_CORRECT)[..], [.., Action::Land(_)]));
}

#[test]
fn without_the_sweep_exhausted_retries_lose_an_event() {
    assert!(matches!(counterexample(scenario(EXHAUSTED_RETRIES), QUIESCENT_IS_CORRECT)[..], [.., Action::Crash(_)]));
}

/// The negative control of the scan after the write: the checker finds that the handler of the lower release, which
/// scanned before the higher one was published, writes last.
#[test]
fn without_the_scan_after_the_write_an_alias_falls_back() {
    let base = Scenario { published: 1, ..lines(TWO) };
    let catalog = Catalog::new(&["1.0.0", "1.1.0", "1.2.0"], "latest");
    let steps = counterexample(Scenario { skips_confirmation: true, catalog, ..base }, QUIESCENT_IS_CORRECT);
    let take = |release| Action::Take(Job::Push { release, failures: 0 });
    assert_eq!(steps.len(), 8, "{steps:?}");
    let position = |action: &Action| steps.iter().position(|step| step == action).unwrap();
    assert!(position(&take(1)) < position(&take(2)), "{steps:?}");
    assert!(matches!(steps[6..], [Action::Step(_), Action::Step(_)]), "{steps:?}");
}

/// What reads by tag and repeated scans leave: a release that was published and rebuilt between two scans of one handler
/// can be missing from the second one, and its name from both. The alias leaves it until the scan after the write.
#[test]
fn release_rebuilt_during_a_scan_can_lose_its_alias_briefly() {
    let scenario = Scenario { pages: Pages::EvenFirst, ..scenario(Budget { rebuilds: 1, ..TWO }) };
    let steps = counterexample(scenario, NOT_TAKEN_BACK);
    assert!(steps.iter().filter(|step| **step == Action::Push(1)).count() == 2, "{steps:?}");
}

#[test]
#[ignore = "takes minutes: cargo test -p ecr-multiarch-core --test alias_model -- --ignored"]
fn three_handlers_at_once_are_safe() {
    let three = || Scenario { catalog: Catalog::new(&["1.0.0", "1.1.0", "2.0.0"], "latest"), ..scenario(THREE) };
    check_pages(|| Scenario { handlers: 3, ..three() }, [66_348, 1_322_701, 1_394_379]);
    check_pages(|| lines(THREE), [12_002, 80_092, 80_541]);
}

#[test]
#[ignore = "takes minutes: cargo test -p ecr-multiarch-core --test alias_model -- --ignored"]
fn several_faults_at_once_are_safe() {
    let rebuilt = |budget| Scenario { watches: false, ..scenario(Budget { rebuilds: 1, ..budget }) };
    check(rebuilt(Budget { duplicates: 1, crashes: 1, ..TWO }), 134_310);
    check(Scenario { pages: Pages::EvenFirst, ..rebuilt(Budget { crashes: 1, ..TWO }) }, 112_538);
    check(Scenario { is_whole: true, ..rebuilt(Budget { crashes: 1, ..TWO }) }, 81_674);
    check(Scenario { is_whole: true, ..lines(THREE) }, 13_704);
    let lossy = Budget { crashes: 1, dropped: 1, late_writes: 1, write_retries: 1, ..TWO };
    check(Scenario { sweep: Sweep::InTheEnd, ..scenario(lossy) }, 12_757);
    let lossy = Budget { dropped: 1, late_writes: 1, duplicates: 1, ..TWO };
    check(Scenario { sweep: Sweep::InTheEnd, pages: Pages::EvenFirst, ..scenario(lossy) }, 113_037);
    let repeated = Budget { crashes: 1, duplicates: 1, ..TWO };
    check(Scenario { sweep: Sweep::AnyTime, pages: Pages::OddFirst, ..scenario(repeated) }, 122_923);
}

#[test]
#[ignore = "takes minutes: cargo test -p ecr-multiarch-core --test alias_model -- --ignored"]
fn yanks_among_other_changes_are_safe() {
    let yanked = |budget| Scenario { sweep: Sweep::InTheEnd, watches: false, ..scenario(budget) };
    let twice = Budget { pushes: 1, rebuilds: 1, marks: 1, yanks: 1, ..TWO };
    check(Scenario { published: 1, ..yanked(twice) }, 58_156);
    let rebuilt = Budget { rebuilds: 1, yanks: 1, ..TWO };
    check(Scenario { pages: Pages::OddFirst, ..yanked(rebuilt) }, 357_890);
    check(Scenario { published: 1, ..lines(Budget { yanks: 1, ..TWO }) }, 13_712);
    let marked = Budget { pushes: 1, marks: 2, ..TWO };
    check(Scenario { published: 2, pages: Pages::EvenFirst, ..lines(marked) }, 35_795);
}
