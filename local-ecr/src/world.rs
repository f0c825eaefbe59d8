//! Everything that is stored, in every registry.

use crate::error::ApiError;
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use bytes::Bytes;
use fastrand::Rng;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;
use tokio::sync::mpsc::UnboundedSender;

/// The repositories of one registry.
pub(crate) type Repositories = BTreeMap<String, Repository>;

/// All state behind one server.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) registries: BTreeMap<RegistryId, Repositories>,
    pub(crate) uploads: HashMap<String, Upload>,
    pub(crate) grants: HashMap<String, Grant>,
    pub(crate) random: Rng,
    pub(crate) subscribers: Vec<UnboundedSender<Value>>,
    /// Untagged pushes so far: their events alternate between the two spellings seen in the field.
    pub(crate) untagged_pushes: u64,
}

/// A layer on its way in.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    pub(crate) repository: String,
    pub(crate) bytes: Vec<u8>,
}

/// What a presigned URL gives access to.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) path: String,
    pub(crate) bytes: Bytes,
    pub(crate) expires: SystemTime,
}

impl World {
    pub(crate) fn new(registries: BTreeMap<RegistryId, Repositories>) -> Self {
        Self {
            registries,
            uploads: HashMap::new(),
            grants: HashMap::new(),
            random: Rng::with_seed(0x0ec2),
            subscribers: Vec::new(),
            untagged_pushes: 0,
        }
    }

    pub(crate) fn repositories(&mut self, registry: &RegistryId) -> &mut Repositories {
        self.registries.entry(registry.clone()).or_default()
    }

    pub(crate) fn repository(&mut self, registry: &RegistryId, name: &str) -> Result<&mut Repository, ApiError> {
        self.registries
            .get_mut(registry)
            .and_then(|repositories| repositories.get_mut(name))
            .ok_or_else(|| ApiError::repository_not_found(registry, name))
    }

    /// Tells every subscriber that is still there.
    pub(crate) fn publish(&mut self, event: &Value) {
        self.subscribers.retain(|subscriber| subscriber.send(event.clone()).is_ok());
    }
}
