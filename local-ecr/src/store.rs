//! The content of every registry.

use crate::error::ApiError;
use crate::event::EventBus;
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use bytes::Bytes;
use fastrand::Rng;
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

/// The repositories of one registry, by name.
pub(crate) type Repositories = BTreeMap<String, Repository>;

/// The content of all registries of one server, with its uploads in progress, presigned URLs and event
/// subscribers.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) registries: BTreeMap<RegistryId, Repositories>,
    /// By upload id.
    pub(crate) uploads: HashMap<String, LayerUpload>,
    /// By the signature of the URL.
    pub(crate) presigned: HashMap<String, PresignedBlob>,
    pub(crate) events: EventBus,
    /// Upload ids, signatures and tokens.
    pub(crate) random: Rng,
}

/// A layer of which some parts have been uploaded.
#[derive(Debug, Default)]
pub(crate) struct LayerUpload {
    pub(crate) repository: String,
    pub(crate) bytes: Vec<u8>,
}

/// A blob that a presigned URL gives access to.
#[derive(Debug)]
pub(crate) struct PresignedBlob {
    pub(crate) path: String,
    pub(crate) bytes: Bytes,
    pub(crate) expires: SystemTime,
}

impl Store {
    pub(crate) fn new(registries: BTreeMap<RegistryId, Repositories>) -> Self {
        Self {
            registries,
            uploads: HashMap::new(),
            presigned: HashMap::new(),
            events: EventBus::default(),
            random: Rng::with_seed(0x0ec2),
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
}
