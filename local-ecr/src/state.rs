//! The state that the server's thread and its handles share.

use crate::clock::Clock;
use crate::data_dir::DataDir;
use crate::fault::Faults;
use crate::hooks::Hooks;
use crate::journal::Journal;
use crate::lock::lock;
use crate::options::Options;
use crate::push::PushTarget;
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use crate::store::Store;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};

/// Everything behind one server.
pub(crate) struct SharedState {
    pub(crate) options: Options,
    pub(crate) port: u16,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    pub(crate) before_call: Hooks,
    pub(crate) after_call: Hooks,
    store: Mutex<Store>,
    data_dir: Option<DataDir>,
}

impl SharedState {
    pub(crate) fn new(options: Options, port: u16) -> io::Result<Self> {
        let (data_dir, registries) = match &options.data {
            Some(path) => DataDir::open(path).map(|(data_dir, registries)| (Some(data_dir), registries))?,
            None => (None, BTreeMap::new()),
        };
        Ok(Self {
            options,
            port,
            clock: Clock::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            before_call: Hooks::default(),
            after_call: Hooks::default(),
            store: Mutex::new(Store::new(registries)),
            data_dir,
        })
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// Writes the store to the data directory, if there is one.
    pub(crate) fn save(&self) -> io::Result<()> {
        self.data_dir.as_ref().map_or(Ok(()), |data_dir| data_dir.save(&self.store()))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The repository of a push at this moment.
    pub(crate) fn push_target<'a>(&self, registry: &'a RegistryId, repository: &'a str) -> PushTarget<'a> {
        PushTarget {
            registry,
            repository,
            repush_error: self.options.repush_error,
            archived: self.options.archived,
            broken: self.options.broken,
            now: self.clock.now(),
        }
    }

    /// An empty repository, as a first push creates it.
    pub(crate) fn new_repository(&self) -> Repository {
        Repository::new(self.clock.now(), self.options.mutability.clone())
    }
}
