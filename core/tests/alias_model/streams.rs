//! Repositories of several streams: the machine knows no numbering, and no stream touches the tags of another.

use super::catalog::Catalog;
use super::exploration::check;
use super::scenario::{Scenario, Sweep};
use super::state::Budget;
use super::{THREE, TWO, check_pages, scenario};

/// Releases of three numbers, and builds of a trunk.
const TWO_STREAMS: &str = r#"[{"aliases":"latest"},{"releases":"main-(?<build>\\d+)","aliases":"main"}]"#;

/// Builds with and without a flavor.
const FLAVORS: &str = r#"[{"releases":"(?<build>\\d+)(-(?<flavor>slim))?","aliases":"latest,latest-{flavor}"}]"#;

/// The alias of `a2` would be `a1`, which is a release itself.
const ALIAS_THAT_IS_A_RELEASE: &str =
    r#"[{"releases":"(?<branch>[a-z])(?<build>\\d+)","aliases":"{branch}1,{branch}"}]"#;

fn of(releases: &[&str], streams: &str, budget: Budget) -> Scenario {
    Scenario { catalog: Catalog::new(releases, streams), ..scenario(budget) }
}

#[test]
fn each_stream_ends_on_its_own_highest_release() {
    let both = |budget| of(&["1.0.0", "main-9", "main-10"], TWO_STREAMS, budget);
    check_pages(|| both(THREE), [1_818, 9_900, 8_203]);
    check(Scenario { published: 1, ..both(Budget { duplicates: 1, crashes: 1, ..TWO }) }, 3_738);
    check(Scenario { sweep: Sweep::AnyTime, published: 1, ..both(TWO) }, 955);
}

#[test]
fn text_parts_the_lines_in_any_order() {
    let flavors = |budget| of(&["1", "1-slim", "2"], FLAVORS, budget);
    check_pages(|| flavors(THREE), [1_818, 7_999, 8_637]);
    check(Scenario { published: 1, sweep: Sweep::InTheEnd, ..flavors(Budget { yanks: 1, ..TWO }) }, 1_913);
}

/// No release is ever replaced by the list of another one.
#[test]
fn alias_that_is_a_release_is_never_written() {
    let releases = |budget| of(&["a1", "a2", "a3"], ALIAS_THAT_IS_A_RELEASE, budget);
    check_pages(|| releases(THREE), [3_293, 15_959, 15_199]);
    check(Scenario { sweep: Sweep::AnyTime, published: 1, ..releases(TWO) }, 860);
}
