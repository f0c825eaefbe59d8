//! What must hold at every moment.

use ecr_multiarch_core::reconcile::machine::MAX_ROUNDS;
use ecr_multiarch_core::reconcile::step::PAUSES_MS;
use stateright::Property;

use super::catalog::list_of;
use super::scenario::{Scenario, Sweep};
use super::state::{State, Violation};

/// The most calls that a handler can make: the version's own, then a scan, a scan after each pause and after each of
/// the writes of up to three aliases and a marker, and two reads and a write after each of these.
#[expect(clippy::cast_possible_truncation, reason = "there are few pauses")]
const MAX_CALLS: u8 = 3 + 4 * MAX_ROUNDS + PAUSES_MS.len() as u8 + 4 * (1 + PAUSES_MS.len() as u8 + 4 * MAX_ROUNDS);

pub const QUIESCENT_IS_CORRECT: &str =
    "when quiescent, each alias names the highest complete release that is not yanked";
const AFTER_THE_SWEEP: &str = "after the sweep, each alias names the highest complete release that is not yanked";
pub const NOT_TAKEN_BACK: &str = "no alias is taken back from a release that it named when the scan began";

pub fn all() -> Vec<Property<Scenario>> {
    type Condition = fn(&Scenario, &State) -> bool;
    let always: [(&'static str, Condition); 6] = [
        (QUIESCENT_IS_CORRECT, |model, state| {
            !state.is_quiescent() || (state.needs_sweep && model.sweep != Sweep::Never) || is_correct(model, state)
        }),
        (AFTER_THE_SWEEP, |model, state| {
            let is_over = model.sweep == Sweep::InTheEnd && state.is_swept;
            !state.is_quiescent() || !is_over || is_correct(model, state)
        }),
        (NOT_TAKEN_BACK, |_, state| state.violation != Some(Violation::TakenBack)),
        ("only aliases and markers are written, with the list of a release", |_, state| {
            state.violation != Some(Violation::UnknownWrite)
        }),
        ("every error has a cause", |_, state| !matches!(state.violation, Some(Violation::Unexpected(_)))),
        ("a handler makes a bounded number of calls", |_, state| {
            state.handlers.iter().all(|handler| handler.calls <= MAX_CALLS)
        }),
    ];
    let follows: Condition = |model, state| {
        let is_pushed = state.builds.iter().all(Option::is_some);
        let mut aliases = model.catalog.aliases.clone();
        state.is_quiescent() && is_pushed && aliases.any(|alias| state.now[alias].is_some())
    };
    let mut all: Vec<_> = always.into_iter().map(|(name, condition)| Property::always(name, condition)).collect();
    all.push(Property::sometimes("when quiescent, all releases are pushed and an alias names one", follows));
    all
}

/// Whether each alias names the list of its release, and each marker too.
fn is_correct(model: &Scenario, state: &State) -> bool {
    let published = state.builds.iter().enumerate().all(|(release, build)| {
        let partial = Some(model.catalog.partial_list(release));
        let is_swept = model.sweep == Sweep::InTheEnd && state.is_swept && build.is_some();
        state.now[release] == build.map(|build| list_of(release, build)) || !is_swept && state.now[release] == partial
    });
    let aliases = model.catalog.aliases.clone().all(|alias| {
        let named = state.now[alias];
        // A conflict leaves what is not the function's own.
        let is_left = model.foreign.is_some_and(|(foreign, content)| foreign == alias && named == Some(content));
        let (expected, passed_over) = model.expected(state, alias);
        // It may be an earlier list of the release that is passed over, unless it is that of a lower one.
        let is_kept = !passed_over.is_empty() && named.is_some() && !state.now[..state.builds.len()].contains(&named);
        match expected {
            Some(release) => is_left || is_kept || named == state.now[release],
            // What it named last, until it is yanked or never published.
            None => true,
        }
    });
    let markers = (0..state.builds.len()).all(|release| {
        let marker = state.now[model.catalog.marker_of(release)];
        // No event announces a list that lacks a platform, so the sweep moves its marker.
        let partial = Some(model.catalog.partial_list(release));
        marker.is_none() || marker == state.now[release] || state.now[release] == partial
    });
    published && aliases && markers
}
