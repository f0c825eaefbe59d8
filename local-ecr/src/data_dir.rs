//! The data directory, which keeps content across runs: blobs and manifests as files by digest, the rest as one JSON
//! document.

use crate::lock::lock;
use crate::registry_id::RegistryId;
use crate::store::{Repositories, Store};
use bytes::Bytes;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{fs, io};

/// The document's name.
const STATE: &str = "state.json";

/// A directory that keeps the content of a server.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// The digests whose files exist: their bytes never change.
    written: Mutex<HashSet<String>>,
}

impl DataDir {
    /// Opens a directory, creates it if it is absent, and reads its content.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, BTreeMap<RegistryId, Repositories>)> {
        fs::create_dir_all(path.join("blobs"))?;
        let data_dir = Self { path: path.to_owned(), written: Mutex::default() };
        let mut registries: BTreeMap<RegistryId, Repositories> = match fs::read(path.join(STATE)) {
            Ok(document) => serde_json::from_slice::<Vec<_>>(&document)?.into_iter().collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        for repository in registries.values_mut().flat_map(BTreeMap::values_mut) {
            let images = repository.images.iter_mut().map(|(digest, image)| (digest, &mut image.bytes));
            for (digest, bytes) in images.chain(repository.blobs.iter_mut()) {
                *bytes = Bytes::from(fs::read(data_dir.file(digest))?);
                lock(&data_dir.written).insert(digest.clone());
            }
        }
        Ok((data_dir, registries))
    }

    /// Writes the changes since the last call.
    pub(crate) fn save(&self, store: &Store) -> io::Result<()> {
        for repository in store.registries.values().flat_map(BTreeMap::values) {
            let images = repository.images.iter().map(|(digest, image)| (digest, &image.bytes));
            for (digest, bytes) in images.chain(repository.blobs.iter()) {
                if !lock(&self.written).contains(digest) {
                    fs::write(self.file(digest), bytes)?;
                    lock(&self.written).insert(digest.clone());
                }
            }
        }
        let registries: Vec<_> = store.registries.iter().collect();
        // A server that is killed while it writes leaves the previous document intact.
        let unfinished = self.path.join("state.json.new");
        fs::write(&unfinished, serde_json::to_vec(&registries)?)?;
        fs::rename(unfinished, self.path.join(STATE))
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.path.join("blobs").join(digest.replace([':', '/'], "-"))
    }
}
