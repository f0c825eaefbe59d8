//! What both models ask of the checker.

use std::fmt::Debug;
use std::hash::Hash;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// Explores the whole model, in which every property must hold. The expected number of states makes a model fail that no
/// longer reaches all of them.
#[track_caller]
pub fn check<M>(model: M, states: usize)
where
    M: Model<State: Clone + Debug + Hash + PartialEq + Send + Sync, Action: Clone + Debug + PartialEq + Send + Sync>,
    M: Send + Sync + 'static,
{
    let checker = model.checker().spawn_bfs().join();
    for (name, path) in checker.discoveries() {
        let is_example = checker.model().property(name).expectation != Expectation::Always;
        assert!(is_example, "violated: {name}\n{:?}\n{:?}", path.last_state(), path.clone().into_actions());
    }
    checker.assert_properties();
    assert_eq!(checker.unique_state_count(), states);
}

/// Finds a shortest sequence of actions that breaks the property.
#[track_caller]
pub fn counterexample<M>(model: M, property: &'static str) -> Vec<M::Action>
where
    M: Model<State: Clone + Debug + Hash + PartialEq + Send + Sync, Action: Clone + Debug + PartialEq + Send + Sync>,
    M: Send + Sync + 'static,
{
    let finish = HasDiscoveries::AnyOf([property].into());
    let checker = model.checker().finish_when(finish).spawn_bfs().join();
    checker.discovery(property).expect("the checker found nothing").into_actions()
}
