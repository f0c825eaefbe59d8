//! The blobs of a repository: layers and configs.

use crate::digest::digest_of;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeSet, HashMap};

/// Blobs by digest. Only [`insert_as`](Self::insert_as) can store a blob under another digest than that of its bytes.
#[derive(Debug, Default)]
pub(crate) struct Blobs(HashMap<String, Bytes>);

/// The bytes do not have the digest that the client states.
#[derive(Debug)]
pub(crate) struct DigestMismatch;

impl Blobs {
    pub(crate) fn get(&self, digest: &str) -> Option<&Bytes> {
        self.0.get(digest)
    }

    pub(crate) fn contains(&self, digest: &str) -> bool {
        self.0.contains_key(digest)
    }

    /// Stores a blob and returns its digest.
    pub(crate) fn insert(&mut self, bytes: Bytes) -> String {
        let digest = digest_of(&bytes);
        self.0.insert(digest.clone(), bytes);
        digest
    }

    /// Stores a blob whose digest the client states.
    pub(crate) fn insert_verified(&mut self, digest: &str, bytes: Bytes) -> Result<(), DigestMismatch> {
        if digest_of(&bytes) != digest {
            return Err(DigestMismatch);
        }
        self.0.insert(digest.to_owned(), bytes);
        Ok(())
    }

    /// Stores a blob under a digest that may be wrong: the corrupt blobs of tests.
    pub(crate) fn insert_as(&mut self, digest: &str, bytes: Bytes) {
        self.0.insert(digest.to_owned(), bytes);
    }

    pub(crate) fn remove(&mut self, digest: &str) {
        self.0.remove(digest);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Bytes)> {
        self.0.iter()
    }

    /// The places of blobs of which only the digests have been deserialized.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut Bytes)> {
        self.0.iter_mut()
    }
}

/// The digests, in order: the bytes are in separate files.
impl Serialize for Blobs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.keys().collect::<BTreeSet<_>>())
    }
}

impl<'de> Deserialize<'de> for Blobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digests = Vec::<String>::deserialize(deserializer)?;
        Ok(Self(digests.into_iter().map(|digest| (digest, Bytes::new())).collect()))
    }
}
