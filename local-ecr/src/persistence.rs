//! State that outlives the server: blobs as files by digest, all else as one JSON document.

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
