//! State that outlives the server: blobs and manifests as files by digest, all else as one JSON document.

use crate::lock;
use crate::registry_id::RegistryId;
use crate::world::{Repositories, World};
use bytes::Bytes;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{fs, io};

/// The document's name.
const STATE: &str = "state.json";

/// A folder that keeps the state of a server.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The digests whose bytes are in the folder: they never change.
    written: Mutex<HashSet<String>>,
}

impl Folder {
    /// Opens a folder, which is made if it is not there, and reads what it holds.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, BTreeMap<RegistryId, Repositories>)> {
        fs::create_dir_all(path.join("blobs"))?;
        let folder = Self { path: path.to_owned(), written: Mutex::default() };
        let mut registries: BTreeMap<RegistryId, Repositories> = match fs::read(path.join(STATE)) {
            Ok(document) => serde_json::from_slice::<Vec<_>>(&document)?.into_iter().collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        for repository in registries.values_mut().flat_map(BTreeMap::values_mut) {
            let images = repository.images.iter_mut().map(|(digest, image)| (digest, &mut image.bytes));
            for (digest, bytes) in images.chain(&mut repository.blobs) {
                *bytes = Bytes::from(fs::read(folder.file(digest))?);
                lock(&folder.written).insert(digest.clone());
            }
        }
        Ok((folder, registries))
    }

    /// Writes what has changed.
    pub(crate) fn save(&self, world: &World) -> io::Result<()> {
        for repository in world.registries.values().flat_map(BTreeMap::values) {
            let images = repository.images.iter().map(|(digest, image)| (digest, &image.bytes));
            for (digest, bytes) in images.chain(&repository.blobs) {
                if !lock(&self.written).contains(digest) {
                    fs::write(self.file(digest), bytes)?;
                    lock(&self.written).insert(digest.clone());
                }
            }
        }
        let registries: Vec<_> = world.registries.iter().collect();
        // A server that is killed while it writes leaves the document before.
        let unfinished = self.path.join("state.json.new");
        fs::write(&unfinished, serde_json::to_vec(&registries)?)?;
        fs::rename(unfinished, self.path.join(STATE))
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.path.join("blobs").join(digest.replace([':', '/'], "-"))
    }
}

/// Blobs in the document: their digests alone.
pub(crate) mod digests {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::{BTreeSet, HashMap};

    pub(crate) fn serialize<S: Serializer>(blobs: &HashMap<String, Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(blobs.keys().collect::<BTreeSet<_>>())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HashMap<String, Bytes>, D::Error> {
        let digests = Vec::<String>::deserialize(deserializer)?;
        Ok(digests.into_iter().map(|digest| (digest, Bytes::new())).collect())
    }
}
