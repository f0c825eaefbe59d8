//! A registry with the function that serves it.

use local_ecr::image::Content;
use local_ecr::{LocalEcr, Options, Registry};
use serde_json::Value;

use crate::function::{Function, Setup, push_event};

/// A registry and the function that serves it.
pub struct World {
    pub ecr: LocalEcr,
    pub registry: Registry,
    pub function: Function,
}

impl World {
    pub fn new() -> Self {
        Self::with(|setup| setup)
    }

    pub fn with(settings: impl FnOnce(Setup) -> Setup) -> Self {
        let ecr = LocalEcr::start(Options::default()).unwrap();
        let function = settings(Setup::with(&ecr)).start();
        Self { registry: ecr.home(), ecr, function }
    }

    /// Pushes an image and hands its event to the function.
    pub fn push(&self, tag: &str, image: &impl Content) -> Value {
        self.registry.push("app", Some(tag), image);
        self.function.invoke(&push_event("app", tag)).unwrap()
    }

    pub fn calls(&self, operation: &str) -> usize {
        self.ecr.journal().iter().filter(|call| call.operation == operation).count()
    }
}
