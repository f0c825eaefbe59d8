//! A registry with the function that serves it.

use local_ecr::image::Content;
use local_ecr::{Call, LocalEcr, Options, Registry};
use serde_json::{Value, json};

use crate::function::{Failure, Function, Setup, assemble, push_event};

/// A registry and the function that serves it. Most tests use its one repository, `app`.
pub struct World {
    pub ecr: LocalEcr,
    pub registry: Registry,
    pub function: Function,
}

impl World {
    pub fn new() -> Self {
        Self::with(|setup| setup)
    }

    /// A world whose function has other settings.
    pub fn with(settings: impl FnOnce(Setup) -> Setup) -> Self {
        let ecr = LocalEcr::start(Options::default()).unwrap();
        let function = settings(Setup::with(&ecr)).start();
        ecr.home().create("app");
        Self { registry: ecr.home(), ecr, function }
    }

    /// Pushes an image to `app` and hands its event to the function.
    pub fn push(&self, tag: &str, image: &impl Content) -> Result<Value, Failure> {
        self.registry.push("app", Some(tag), image);
        self.announce(tag)
    }

    /// Hands the event of a push to `app` to the function.
    pub fn announce(&self, tag: &str) -> Result<Value, Failure> {
        self.function.invoke(&push_event("app", tag))
    }

    /// Asks for a version of `app`.
    pub fn assemble(&self, version: &str) -> Result<Value, Failure> {
        self.function.invoke(&assemble("app", version))
    }

    /// Asks for a version of `app` with more said.
    pub fn assemble_with(&self, version: &str, more: &Value) -> Result<Value, Failure> {
        let mut request = assemble("app", version);
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.function.invoke(&request)
    }

    /// The calls of an operation so far.
    pub fn calls(&self, operation: &str) -> Vec<Call> {
        self.ecr.journal().into_iter().filter(|call| call.operation == operation).collect()
    }

    /// The list that a tag of `app` names.
    pub fn list(&self, tag: &str) -> Value {
        let (_, bytes) = self.registry.manifest("app", tag).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// The architectures of a list's entries, in order, an attestation's as `unknown`.
pub fn architectures(list: &Value) -> Vec<&str> {
    let entries = list["manifests"].as_array().unwrap().iter();
    entries.map(|entry| entry["platform"]["architecture"].as_str().unwrap()).collect()
}

/// What an answer says, without what it is about.
#[track_caller]
pub fn assert_outcome(answer: &Result<Value, Failure>, outcome: &str) {
    let answer = answer.as_ref().unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!(answer["outcome"], json!(outcome), "{answer:#}");
}

/// Holds a failure to its type and to what its message must say.
#[track_caller]
pub fn assert_failure(answer: &Result<Value, Failure>, error_type: &str, said: &[&str]) {
    let failure = answer.as_ref().expect_err("it was to fail");
    assert_eq!(failure.error_type, error_type, "{}", failure.message);
    for part in said {
        assert!(failure.message.contains(part), "{part:?} is not in: {}", failure.message);
    }
}
