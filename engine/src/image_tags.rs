//! Executes the steps of tagging the images of lists.

use std::collections::BTreeSet;
use std::sync::Arc;

use ecr_multiarch_core::image_tags::machine::{ObserveTags, PutImageTags};
use ecr_multiarch_core::oci::invalid_image::Unsupported;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::settings::tag_scheme::MAX_BATCH_IDS;
use ecr_multiarch_core::{Error, ImageTagRequest, ImageTagStep, ImageTagging, Reference, RepositoryName};
use futures_util::{StreamExt as _, stream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::ecr::{PutManifest, Registry, SharedRead};
use crate::end::{End, WorkTime, before, pause, settle};
use crate::group::MAX_VERSION_BYTES;
use crate::puts::put_manifests;

/// How many versions are tagged at a time: as many as are reconciled at a time.
const MAX_PARALLEL_VERSIONS: usize = 8;

/// How many bytes the response to a read may have, unless only one list or image is read at a time. One of this size for
/// each version at work fits into the memory of the assembler.
const MAX_READ_BYTES: usize = 1 << 20;

/// Tags the images of lists of one repository.
pub(crate) struct Tagger<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) repository: &'a RepositoryName,
    pub(crate) time: WorkTime,
    /// Admits one version at a time whose manifests are too large to be read with those of others.
    pub(crate) large_versions: &'a Semaphore,
    /// The error for which versions that are not written yet are abandoned.
    pub(crate) abandoned: &'a dyn Fn() -> Option<Error>,
}

/// A version that is being tagged.
struct Run<'a> {
    tagger: &'a Tagger<'a>,
    large: Option<SemaphorePermit<'a>>,
    /// Whether a write is to be confirmed.
    has_written: bool,
}

impl Tagger<'_> {
    /// Tags the images of versions. Those whose tags fit into one read share it.
    pub(crate) async fn tag<K>(
        &self,
        requests: impl IntoIterator<Item = (K, ImageTagRequest)>,
        on_end: impl Fn(K, End<ImageTagging>),
    ) {
        let mut requests =
            requests.into_iter().map(|(key, request)| (key, ImageTagStep::start(Arc::new(request)))).peekable();
        while requests.peek().is_some() {
            let (mut group, mut references) = (Vec::new(), BTreeSet::new());
            while let Some((key, step)) = requests.next_if(|(_, step)| {
                let own = references_of(step).filter(|reference| !references.contains(reference)).count();
                references.len() + own <= MAX_BATCH_IDS
            }) {
                references.extend(references_of(&step));
                group.push((key, step));
            }
            let shared = self.read_together(&group, references).await;
            let ends =
                stream::iter(group).map(async |(key, step)| (key, Box::pin(self.run(step, shared.as_ref())).await));
            ends.buffer_unordered(MAX_PARALLEL_VERSIONS).for_each(async |(key, end)| on_end(key, end)).await;
        }
    }

    /// The tags of several versions, if they can be read together. If not, each is read by itself.
    async fn read_together<K>(
        &self,
        group: &[(K, ImageTagStep)],
        references: BTreeSet<Reference>,
    ) -> Option<Manifests> {
        if group.len() < 2 {
            return None;
        }
        let references: Vec<_> = references.into_iter().collect();
        let shared = SharedRead { is_attempted_once: true, max_bytes: MAX_READ_BYTES };
        let read = self.registry.batch_get_shared_manifests(self.repository, &references, shared);
        self.time.before_stop(read).await?.ok()
    }

    async fn run(&self, step: ImageTagStep, shared: Option<&Manifests>) -> End<ImageTagging> {
        if let Some(error) = (self.abandoned)() {
            return End::Abandoned(error);
        }
        let first = match (step, shared) {
            (ImageTagStep::Observe(observe), Some(shared)) => {
                let own = shared.part(&observe.references());
                observe.resume(own)
            }
            (step, _) => Ok(step),
        };
        let run = Run { tagger: self, large: None, has_written: false };
        match first {
            Ok(step) => run.finish(step).await,
            Err(error) => End::from(error),
        }
    }
}

fn references_of(step: &ImageTagStep) -> impl Iterator<Item = Reference> {
    let observe = if let ImageTagStep::Observe(observe) = step { Some(observe) } else { None };
    observe.map(ObserveTags::references).into_iter().flatten()
}

impl Run<'_> {
    /// Executes all steps from this one on.
    async fn finish(mut self, mut step: ImageTagStep) -> End<ImageTagging> {
        loop {
            let next = match step {
                ImageTagStep::Done(tagging) => return End::Done(tagging),
                ImageTagStep::Observe(observe) => {
                    pause(observe.after()).await;
                    let read = self.read(&observe.references(), observe.request()).await;
                    read.map(|read| read.map(|manifests| observe.resume(manifests)))
                }
                ImageTagStep::Read(read) => match self.read_at_most(&read.references(), MAX_READ_BYTES).await {
                    Ok(Some(None)) if read.references().len() > 1 => Ok(Some(Ok(ImageTagStep::Read(read.half())))),
                    Ok(Some(None)) => {
                        let large = self.read_large(&read.references(), read.request()).await;
                        large.map(|large| large.map(|manifests| read.resume(&manifests)))
                    }
                    Ok(Some(Some(manifests))) => Ok(Some(read.resume(&manifests))),
                    Ok(None) => Ok(None),
                    Err(error) => Err(error),
                },
                ImageTagStep::Put(put) => Ok(self.put(put).await),
            };
            step = match next {
                Ok(Some(Ok(next))) => next,
                Ok(None) => return End::OutOfTime(None),
                Ok(Some(Err(error))) | Err(error) => return error.into(),
            };
        }
    }

    /// Until when reads may take: what was written is confirmed also after the stop.
    fn read_until(&self) -> Instant {
        if self.has_written { self.tagger.time.deadline } else { self.tagger.time.stop_at }
    }

    /// Reads manifests, by itself if they are too large to be read beside those of others. `None`, if time is up before.
    async fn read(&mut self, references: &[Reference], request: &ImageTagRequest) -> Result<Option<Manifests>, Error> {
        match self.read_at_most(references, MAX_READ_BYTES).await? {
            Some(None) => self.read_large(references, request).await,
            read => Ok(read.flatten()),
        }
    }

    /// Reads manifests that are too large to be read beside those of others. `None`, if time is up before.
    async fn read_large(
        &mut self,
        references: &[Reference],
        request: &ImageTagRequest,
    ) -> Result<Option<Manifests>, Error> {
        if self.large.is_none() {
            self.large = before(self.read_until(), self.tagger.large_versions.acquire()).await.and_then(Result::ok);
        }
        let max = MAX_VERSION_BYTES;
        match self.read_at_most(references, max).await? {
            None => Ok(None),
            Some(Some(manifests)) => Ok(Some(manifests)),
            Some(None) => {
                Err(Error::UnsupportedImage { image: request.target(), reason: Unsupported::TotalSize { max } })
            }
        }
    }

    /// Reads manifests of at most so many bytes: `None` within, if they have more; `None`, if time is up before.
    async fn read_at_most(
        &self,
        references: &[Reference],
        max_bytes: usize,
    ) -> Result<Option<Option<Manifests>>, Error> {
        let until = self.read_until();
        let registry = self.tagger.registry.with_throttle_deadline(until);
        settle(until, before(until, registry.batch_get_at_most(self.tagger.repository, references, max_bytes)).await)
    }

    /// Writes images under their tags. `None`, if time is up before all are written.
    async fn put(&mut self, put: PutImageTags) -> Option<Result<ImageTagStep, Error>> {
        let Tagger { registry, repository, time, .. } = self.tagger;
        let writes = put.writes().iter().map(|write| (&write.tag, PutManifest::from(&write.image)));
        let responses = put_manifests(registry, repository, writes, *time, || !time.is_up()).await;
        self.has_written |= !responses.is_empty();
        (responses.len() == put.writes().len()).then(|| put.resume(responses))
    }
}
