//! Tags the images of a repository's lists, once all of its versions have results.

use std::cell::Cell;

use ecr_multiarch_core::image_tags::outcome::ImageTagOutcomeKind;
use ecr_multiarch_core::{ImageTagReport, ImageTagRequest, ImageTagging, Tag};

use super::RegistrySweep;
use super::report::Reporter;
use super::repository::SweptRepository;
use crate::end::End;
use crate::image_tags::Tagger;

impl Reporter<'_> {
    /// Records the image tags of a version.
    fn image_tags(&self, repository: &SweptRepository<'_>, version: &Tag, image_tags: &[ImageTagReport]) {
        for image_tag in image_tags {
            match image_tag.outcome.kind() {
                ImageTagOutcomeKind::Moved => self.report.borrow_mut().image_tags_moved(),
                ImageTagOutcomeKind::Conflict => self.add_image_tag_conflict(&repository.name, version, image_tag),
                ImageTagOutcomeKind::Unchanged | ImageTagOutcomeKind::WouldMove => {}
            }
        }
    }
}

impl RegistrySweep<'_> {
    /// Tags the images of a repository whose versions all have results. Returns whether time was enough.
    pub(super) async fn tag_images(&self, repository: &SweptRepository<'_>) -> bool {
        let Some(lists) = repository.lists.take() else { return true };
        let requests = lists.into_versions().into_iter().filter_map(|version| {
            let request = ImageTagRequest::new(repository.name.clone(), version.clone(), repository.settings)?;
            Some((version, ImageTagRequest { dry_run: self.scope.dry_run, ..request }))
        });
        let (is_out_of_time, abandoned) = (Cell::new(false), Cell::new(0));
        let tagger = Tagger {
            registry: &self.registry,
            repository: &repository.name,
            time: repository.turn(self.time),
            large_versions: &self.large_versions,
            abandoned: &|| repository.refusal(),
        };
        let on_end = |version: Tag, end: End<ImageTagging>| match end {
            End::Done(tagging) => self.reporter.image_tags(repository, &version, &tagging.into_image_tags()),
            End::Failed(failure) => {
                repository.write_failed(&failure.error);
                self.reporter.add_failed(&repository.name, Some((&version, None)), failure.error, None);
            }
            End::Abandoned(_) => abandoned.set(abandoned.get() + 1),
            End::OutOfTime(_) => is_out_of_time.set(true),
        };
        Box::pin(tagger.tag(requests, on_end)).await;
        if let Some(error) = repository.refusal().filter(|_| abandoned.get() > 0) {
            self.reporter.add_failed(&repository.name, None, error, Some(abandoned.get()));
        }
        !is_out_of_time.get()
    }
}
