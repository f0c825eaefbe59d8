//! A registry that others push to, with the function attached to its events.

use local_ecr::{LocalEcr, Options, Registry};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::function::{Function, Setup};

/// A registry whose one repository, `app`, anybody may push to.
pub struct Site {
    pub registry: Registry,
    pub address: String,
    pub url: String,
    events: UnboundedReceiver<Value>,
    function: Function,
}

impl Site {
    /// A site whose lists must have these platforms.
    pub fn of(platforms: &str) -> Self {
        let ecr = LocalEcr::start(Options { create_on_push: true, ..Options::default() }).unwrap();
        let url = ecr.url();
        Self {
            registry: ecr.home(),
            address: url.replace("http://127.0.0.1", "localhost"),
            url,
            events: ecr.events(),
            function: Setup::with(&ecr).set("PLATFORMS", platforms).start(),
        }
    }

    /// Hands the function every event, those of its own writes included, and gives what it answered.
    pub fn settle(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|event| self.function.invoke(&event).unwrap()).collect()
    }

    /// Hands the function an event that was not sent.
    pub fn announce(&self, event: &Value) -> Value {
        self.function.invoke(event).unwrap()
    }

    /// Hands over the events, the last push being what completes a version; gives the list's bytes.
    #[track_caller]
    pub fn published(&mut self, version: &str) -> Vec<u8> {
        let answers = self.settle();
        let published = answers.iter().filter(|answer| answer["outcome"] == "published").count();
        assert_eq!(published, 1, "{answers:#?}");
        self.manifest(version)
    }

    /// The bytes that a tag or digest of `app` names.
    #[track_caller]
    pub fn manifest(&self, reference: &str) -> Vec<u8> {
        let (_, bytes) = self.registry.manifest("app", reference).expect(reference);
        bytes.to_vec()
    }

    /// A tag of `app` as clients name it.
    pub fn name(&self, tag: &str) -> String {
        format!("{}/app:{tag}", self.address)
    }
}
