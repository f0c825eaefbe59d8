//! What both models do with handlers and images.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use ecr_multiarch_core::oci::manifest::StoredManifest;
use local_ecr::image::Artifact;

/// How often a failed delivery of an event is repeated.
pub const REDELIVERIES: u8 = 2;

/// A value that is compared by its hash, which is computed once, as the checker compares states by theirs.
#[derive(Debug)]
pub struct Fingerprinted<T> {
    value: T,
    pub fingerprint: u64,
}

impl<T: Hash> Fingerprinted<T> {
    pub fn new(value: T) -> Arc<Self> {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Arc::new(Self { value, fingerprint: hasher.finish() })
    }
}

impl<T> Deref for Fingerprinted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> PartialEq for Fingerprinted<T> {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl<T> Eq for Fingerprinted<T> {}

impl<T> Hash for Fingerprinted<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

/// Adds a handler. Their order has no meaning, so sorting them makes fewer states distinct.
pub fn insert<T>(handlers: &mut Vec<Arc<Fingerprinted<T>>>, handler: Arc<Fingerprinted<T>>) {
    handlers.push(handler);
    handlers.sort_unstable_by_key(|one| one.fingerprint);
}

/// Adds an event to those that are to be delivered, of which the order has no meaning either.
pub fn enqueue<E: Ord>(events: &mut Vec<E>, event: E) {
    events.push(event);
    events.sort_unstable();
}

/// Removes one of equal events.
pub fn take<E: PartialEq>(events: &mut Vec<E>, event: &E) {
    let at = events.iter().position(|one| one == event).unwrap();
    events.remove(at);
}

/// How handlers continue after answers. Both are values, so each transition is computed once.
pub struct Transitions<A, P>(pub Mutex<HashMap<(u64, A), P>>);

impl<A: Clone + Eq + Hash, P: Clone> Transitions<A, P> {
    pub fn get<T>(&self, handler: &Fingerprinted<T>, answer: A, compute: impl FnOnce(A) -> P) -> P {
        let key = (handler.fingerprint, answer);
        let known = self.0.lock().unwrap().get(&key).cloned();
        known.unwrap_or_else(|| {
            let progress = compute(key.1.clone());
            self.0.lock().unwrap().insert(key, progress.clone());
            progress
        })
    }
}

/// An image or index of the local registry, as ECR holds it.
pub fn stored(artifact: &Artifact) -> StoredManifest {
    StoredManifest {
        digest: artifact.digest().parse().unwrap(),
        media_type: artifact.media_type.clone(),
        text: std::str::from_utf8(&artifact.manifest).unwrap().into(),
    }
}
