//! The events that ECR sends to EventBridge.

use crate::clock::rfc3339;
use crate::manifest::Manifest;
use crate::registry_id::RegistryId;
use crate::uuid::uuid;
use crate::world::World;
use serde_json::{Value, json};
use std::time::SystemTime;

/// What happened to an image.
#[derive(Debug)]
pub(crate) struct ImageAction<'a> {
    pub(crate) registry: &'a RegistryId,
    pub(crate) repository: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) manifest: &'a Manifest,
    pub(crate) time: SystemTime,
}

impl World {
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
        self.publish(&event);
    }
}
