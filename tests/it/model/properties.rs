//! What must hold at every moment.

use ecr_multiarch::reconcile::{MAX_ROUNDS, PAUSES_MS};
use stateright::Property;

use super::scenario::{Scenario, Sweep};
use super::state::{Flaw, State};

/// The most calls that a handler can make: a read, the children and the configs at first and in each round, with the
/// write and the confirming read, and a read after each pause.
#[expect(clippy::cast_possible_truncation, reason = "there are few pauses")]
pub const MAX_CALLS: u8 = 3 + 4 * MAX_ROUNDS + PAUSES_MS.len() as u8;

pub const AT_REST: &str = "at rest the tag names the list of the images as they stand";
const AFTER_THE_SWEEP: &str = "after the sweep the tag names the list of the images as they stand";

pub fn all() -> Vec<Property<Scenario>> {
    type Condition = fn(&Scenario, &State) -> bool;
    let always: [(&'static str, Condition); 10] = [
        (AT_REST, |model, state| {
            !state.is_at_rest() || (state.is_lost && model.sweep != Sweep::Never) || is_settled(model, state)
        }),
        (AFTER_THE_SWEEP, |model, state| {
            let is_over = model.sweep == Sweep::InTheEnd && state.is_swept;
            !state.is_at_rest() || !is_over || is_settled(model, state)
        }),
        ("every list is that of one image of each platform", |_, state| state.flaw != Some(Flaw::UnknownList)),
        ("every image of the list was under its tag", |_, state| {
            let list = state.now.list.iter();
            list.flat_map(|builds| builds.iter().zip(&state.seen)).all(|(build, seen)| seen & (1 << build) != 0)
        }),
        ("images of differing revisions are not joined", |model, state| {
            !model.catalog.is_revised() || state.now.list.is_none_or(|builds| builds[0] == builds[1])
        }),
        ("an immutable tag is written once", |_, state| !state.is_rewritten),
        ("what is said to be done is done", |_, state| state.flaw != Some(Flaw::FalseAnswer)),
        ("the event of the list's own push is ignored", |_, state| state.flaw != Some(Flaw::OwnEventTakenUp)),
        ("no error comes that nothing calls for", |_, state| !matches!(state.flaw, Some(Flaw::Unexpected(_)))),
        ("a handler makes a bounded number of calls", |_, state| {
            state.handlers.iter().all(|handler| handler.calls <= MAX_CALLS)
        }),
    ];
    let listed: Condition = |_, state| state.is_at_rest() && state.now.list.is_some();
    let mut all: Vec<_> = always.into_iter().map(|(name, condition)| Property::always(name, condition)).collect();
    all.push(Property::sometimes("the tag names a list at rest", listed));
    all
}

/// Whether the list is the one that the tags make, as far as the tags make one that may be written.
fn is_settled(model: &Scenario, state: &State) -> bool {
    let [Some(amd64), Some(arm64)] = state.now.tags else {
        return state.now.list.is_none();
    };
    match state.now.list {
        list if model.immutable => list.is_some(),
        _ if model.catalog.is_revised() && amd64 != arm64 => true,
        list => list == Some([amd64, arm64]),
    }
}
