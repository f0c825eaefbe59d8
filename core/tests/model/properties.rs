//! The properties that must hold in every state.

use ecr_multiarch_core::reconcile::machine::{MAX_ROUNDS, PAUSES_MS};
use stateright::Property;

use super::scenario::{Scenario, Sweep};
use super::state::{State, Violation};

/// The most calls that a handler can make: reads of the tags, the children and the configs at first; in each round a
/// write, the confirming read, the children and the configs; and a read after each pause.
#[expect(clippy::cast_possible_truncation, reason = "there are few pauses")]
pub const MAX_CALLS: u8 = 3 + 4 * MAX_ROUNDS + PAUSES_MS.len() as u8;

pub const QUIESCENT_IS_CORRECT: &str = "when quiescent, the tag names the list of the current images";
pub const AFTER_THE_SWEEP: &str = "after the sweep, the tag names the list of the current images";

pub fn all() -> Vec<Property<Scenario>> {
    type Condition = fn(&Scenario, &State) -> bool;
    let always: [(&'static str, Condition); 10] = [
        (QUIESCENT_IS_CORRECT, |model, state| {
            !state.is_quiescent() || (state.needs_sweep && model.sweep != Sweep::Never) || is_correct(model, state)
        }),
        (AFTER_THE_SWEEP, |model, state| {
            let is_over = matches!(model.sweep, Sweep::InTheEnd | Sweep::TrustsScans) && state.is_swept;
            !state.is_quiescent() || !is_over || is_correct(model, state)
        }),
        ("every list is that of one image of each platform", |_, state| {
            state.violation != Some(Violation::UnknownList)
        }),
        ("every image of the list was under its tag", |_, state| {
            let list = state.now.list.iter();
            list.flat_map(|builds| builds.iter().zip(&state.seen)).all(|(build, seen)| seen & (1 << build) != 0)
        }),
        ("no list has images of differing revisions", |model, state| {
            !model.catalog.is_revised() || state.now.list.is_none_or(|builds| builds[0] == builds[1])
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

/// Whether the list is the one of the current images, if one of them may be written.
fn is_correct(model: &Scenario, state: &State) -> bool {
    let [Some(amd64), Some(arm64)] = state.now.tags else {
        return state.now.list.is_none();
    };
    match state.now.list {
        list if model.immutable => list.is_some(),
        _ if model.catalog.is_revised() && amd64 != arm64 => true,
        list => list == Some([amd64, arm64]),
    }
}
