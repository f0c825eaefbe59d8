//! The events that ECR sends to EventBridge.

use crate::clock::rfc3339;
use crate::manifest::Manifest;
use crate::registry_id::RegistryId;
use crate::uuid::uuid;
use fastrand::Rng;
use serde_json::{Value, json};
use std::time::SystemTime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A push or deletion of an image.
#[derive(Debug)]
pub(crate) struct ImageAction<'a> {
    pub(crate) registry: &'a RegistryId,
    pub(crate) repository: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) manifest: &'a Manifest,
    pub(crate) time: SystemTime,
}

/// Delivers events to every subscriber.
#[derive(Debug)]
pub(crate) struct EventBus {
    subscribers: Vec<UnboundedSender<Value>>,
    /// Untagged pushes so far: their events alternate between the two forms seen in the field.
    untagged_pushes: u64,
    /// Event ids.
    random: Rng,
}

impl Default for EventBus {
    fn default() -> Self {
        Self { subscribers: Vec::new(), untagged_pushes: 0, random: Rng::with_seed(0x0eb) }
    }
}

impl EventBus {
    /// Delivers the events from now on.
    pub(crate) fn subscribe(&mut self) -> UnboundedReceiver<Value> {
        let (sender, receiver) = unbounded_channel();
        self.subscribers.push(sender);
        receiver
    }

    /// Announces a push. Of a push without a tag, real events have been seen both with an empty
    /// `image-tag` and with none.
    pub(crate) fn announce_push(&mut self, action: &ImageAction<'_>) {
        let tag = action.tag.or_else(|| {
            self.untagged_pushes += 1;
            (self.untagged_pushes % 2 == 1).then_some("")
        });
        self.announce("PUSH", tag, action);
    }

    /// Announces that an image, or one of its tags, was deleted.
    pub(crate) fn announce_delete(&mut self, action: &ImageAction<'_>) {
        self.announce("DELETE", action.tag, action);
    }

    fn announce(&mut self, action_type: &str, tag: Option<&str>, action: &ImageAction<'_>) {
        let mut detail = json!({
            "result": "SUCCESS",
            "repository-name": action.repository,
            "image-digest": action.digest,
            "action-type": action_type,
            "manifest-media-type": action.manifest.media_type,
        });
        if let Some(tag) = tag {
            detail["image-tag"] = Value::from(tag);
        }
        if let Some(artifact) = action.manifest.artifact_media_type() {
            detail["artifact-media-type"] = Value::from(artifact);
        }
        let event = json!({
            "version": "0",
            "id": uuid(&mut self.random),
            "detail-type": "ECR Image Action",
            "source": "aws.ecr",
            "account": action.registry.account,
            "time": rfc3339(action.time),
            "region": action.registry.region,
            "resources": [],
            "detail": detail,
        });
        // A subscriber whose receiver has been dropped is dropped too.
        self.subscribers.retain(|subscriber| subscriber.send(event.clone()).is_ok());
    }
}
