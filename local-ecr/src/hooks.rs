//! Code of a test that runs around calls.

use crate::journal::CallInfo;
use crate::lock::lock;
use std::sync::{Arc, Mutex};

/// Code that runs with every call.
pub(crate) type Hook = Arc<dyn Fn(&CallInfo) + Send + Sync>;

/// The hooks of one moment of a call, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Hooks(Mutex<Vec<Hook>>);

impl Hooks {
    pub(crate) fn add(&self, hook: Hook) {
        lock(&self.0).push(hook);
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(crate) fn run(&self, call: &CallInfo) {
        // A hook may add hooks, so the lock is not held while one runs.
        let hooks = lock(&self.0).clone();
        for hook in hooks {
            hook(call);
        }
    }
}
