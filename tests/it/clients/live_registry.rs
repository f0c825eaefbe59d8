//! A registry that clients push to, whose events reach the function.

use local_ecr::{LocalEcr, Options, RegistryHandle};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::support::function::{Function, FunctionBuilder};

/// A registry that creates repositories on push, and the function. Tests use the repository `app`.
pub struct LiveRegistry {
    pub registry: RegistryHandle,
    pub address: String,
    pub url: String,
    events: UnboundedReceiver<Value>,
    function: Function,
}

impl LiveRegistry {
    /// A registry whose lists have these platforms.
    pub fn new(platforms: &str) -> Self {
        Self::with(|function| function.env("PLATFORMS", platforms))
    }

    /// A registry whose function has these settings.
    pub fn with(settings: impl FnOnce(FunctionBuilder) -> FunctionBuilder) -> Self {
        let ecr = LocalEcr::start(Options { create_on_push: true, ..Options::default() }).unwrap();
        let url = ecr.url();
        Self {
            registry: ecr.home(),
            address: url.replace("http://127.0.0.1", "localhost"),
            url,
            events: ecr.events(),
            function: settings(FunctionBuilder::new(&ecr)).start(),
        }
    }

    /// Delivers every event so far, those of the function's own writes included. Returns the answers.
    pub fn deliver_events(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|event| self.function.invoke(&event).unwrap()).collect()
    }

    /// Delivers an event that the registry did not send.
    pub fn deliver(&self, event: &Value) -> Value {
        self.function.invoke(event).unwrap()
    }

    /// Delivers the events, of which one must publish a list. Returns the bytes of the version's list.
    #[track_caller]
    pub fn publish(&mut self, version: &str) -> Vec<u8> {
        let answers = self.deliver_events();
        let published = answers.iter().filter(|answer| answer["outcome"] == "published").count();
        assert_eq!(published, 1, "{answers:#?}");
        self.manifest(version)
    }

    /// The manifest that a tag or digest of `app` names.
    #[track_caller]
    pub fn manifest(&self, reference: &str) -> Vec<u8> {
        let (_, bytes) = self.registry.manifest("app", reference).expect(reference);
        bytes.to_vec()
    }

    /// The name of a tag of `app` for clients: host, repository and tag.
    pub fn reference(&self, tag: &str) -> String {
        format!("{}/app:{tag}", self.address)
    }
}
