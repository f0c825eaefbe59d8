//! The properties that must hold in every state.

use ecr_multiarch_core::reconcile::machine::MAX_ROUNDS;
use ecr_multiarch_core::reconcile::step::PAUSES_MS;
use stateright::Property;

use super::catalog::List;
use super::scenario::{Scenario, Sweep};
use super::state::{State, Violation};

/// The most calls that a handler can make: reads of the tags, the children and the configs at first; in each round a
/// write, the confirming read, the children and the configs; and a read after each pause.
#[expect(clippy::cast_possible_truncation, reason = "there are few pauses")]
pub const MAX_CALLS: u8 = 3 + 4 * MAX_ROUNDS + PAUSES_MS.len() as u8;

pub const QUIESCENT_IS_CORRECT: &str = "when quiescent, the tag names a right list of the current images";
pub const AFTER_THE_SWEEP: &str = "after the sweep, the tag names a right list of the current images";
pub const RIGHT_LISTS_STAY: &str = "a list that is right is not written over";

pub fn all() -> Vec<Property<Scenario>> {
    type Condition = fn(&Scenario, &State) -> bool;
    let always: [(&'static str, Condition); 11] = [
        (QUIESCENT_IS_CORRECT, |model, state| {
            !state.is_quiescent() || (state.needs_sweep && model.sweep != Sweep::Never) || is_correct(model, state)
        }),
        (AFTER_THE_SWEEP, |model, state| {
            let is_over = matches!(model.sweep, Sweep::InTheEnd | Sweep::TrustsScans) && state.is_swept;
            !state.is_quiescent() || !is_over || is_correct(model, state)
        }),
        (RIGHT_LISTS_STAY, |_, state| state.violation != Some(Violation::WritesOverRightList)),
        ("every list is that of one image of each platform", |_, state| {
            state.violation != Some(Violation::UnknownList)
        }),
        ("every image of the list was under its tag", |_, state| {
            let own = state.now.list.iter().filter(|list| !list.is_foreign);
            own.flat_map(|list| list.builds.iter().flatten().zip(&state.seen))
                .all(|(build, seen)| seen & (1 << build) != 0)
        }),
        ("no list has images of differing revisions", |model, state| {
            let is_one_revision = |list: List| list.is_foreign || list.builds[0] == list.builds[1];
            !model.catalog.is_revised() || state.now.list.is_none_or(is_one_revision)
        }),
        ("an immutable tag is written once", |_, state| !state.is_rewritten),
        ("every answer is true", |_, state| state.violation != Some(Violation::FalseAnswer)),
        ("the event of the list's own push is ignored", |_, state| state.violation != Some(Violation::OwnEventHandled)),
        ("every error has a cause", |_, state| !matches!(state.violation, Some(Violation::Unexpected(_)))),
        ("a handler makes a bounded number of calls", |_, state| {
            state.handlers.iter().all(|handler| handler.calls <= MAX_CALLS)
        }),
    ];
    let listed: Condition = |_, state| state.is_quiescent() && state.now.list.is_some();
    let mut all: Vec<_> = always.into_iter().map(|(name, condition)| Property::always(name, condition)).collect();
    all.push(Property::sometimes("when quiescent, the tag names a list", listed));
    all
}

/// Whether the list is right, or one of the current images must not be written.
fn is_correct(model: &Scenario, state: &State) -> bool {
    let [Some(amd64), Some(arm64)] = state.now.tags else {
        return state.now.list.is_none_or(|list| list.is_foreign);
    };
    // The contract's rest: where events are lost, platform tags that were moved back to older images look stale.
    let is_newer = state.now.has_newer_list(&state.pushed);
    let are_tags_stale = is_newer && (model.sweep != Sweep::Never || !state.is_tagged_since());
    model.is_right(state.now, &state.pushed)
        || are_tags_stale
        || model.immutable && state.now.list.is_some()
        || model.catalog.is_revised() && amd64 != arm64
}
