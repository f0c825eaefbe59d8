//! Writes manifests under several tags of a repository.

use std::collections::BTreeMap;

use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Error, RepositoryName, Tag};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use crate::ecr::{PutManifest, Registry};
use crate::end::{WorkTime, before};

/// How many tags are written at a time: the aliases of every usual release, which has three, and the images of every usual
/// list at once.
const MAX_PARALLEL_WRITES: usize = 8;

/// Writes manifests in parallel, each under its tag. Those for which no time remains, or is left according to the caller,
/// have no response.
pub(crate) async fn put_manifests<'m>(
    registry: &Registry,
    repository: &RepositoryName,
    writes: impl IntoIterator<Item = (&'m Tag, PutManifest<'m>)>,
    time: WorkTime,
    has_time_to_write: impl Fn() -> bool,
) -> BTreeMap<Tag, Result<PutResponse, Error>> {
    let responses = writes.into_iter().map(async |(tag, manifest)| {
        let permit = before(time.stop_at, registry.gate().write_permit()).await;
        if permit.is_none() || !has_time_to_write() {
            return None;
        }
        match before(time.deadline, registry.put_manifest(repository, tag, manifest)).await? {
            Err(error) if error.error_type().is_retryable() && Instant::now() >= time.stop_at => None,
            response => Some((tag.clone(), response)),
        }
    });
    let responses = stream::iter(responses).buffer_unordered(MAX_PARALLEL_WRITES);
    responses.filter_map(std::future::ready).collect().await
}
