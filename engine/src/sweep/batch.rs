//! The second stage: has the versions of a batch reconciled together.

use std::sync::Arc;

use ecr_multiarch_core::inventory::Version;
use ecr_multiarch_core::{Error, ReconcileRequest, Step};

use super::RegistrySweep;
use super::queue::{Batch, SweptRepository};
use super::report::Reporter;
use crate::ecr::QUOTA_CODE;
use crate::end::End;
use crate::group::{FailedRead, GroupDelegate, GroupReconciler, Member, VersionEnd};

/// How many bytes the response to a read of several versions may have. A few of this size fit into the memory of the
/// sweeper.
const MAX_READ_BYTES: usize = 8 << 20;

/// A repository that is being swept, as the delegate of its batches.
struct BatchDelegate<'a, 's> {
    repository: &'a SweptRepository<'s>,
    reporter: &'a Reporter<'a>,
}

impl RegistrySweep<'_> {
    /// Reconciles the versions of a batch, and with the last one the aliases of the repository.
    pub(super) async fn reconcile_batch(&self, batch: Batch<'_>) {
        let Batch { repository, versions } = batch;
        let delegate = BatchDelegate { repository: &repository, reporter: &self.reporter };
        let mut members = Vec::new();
        for version in versions {
            // An inventory has only versions that are served.
            let request = ReconcileRequest::new(repository.name.clone(), version.tag.clone(), repository.settings);
            let Ok(request) = request else { continue };
            let (dry_run, looks_for_archived) = (self.scope.dry_run, !version.archived.is_empty());
            let step = Step::start(Arc::new(ReconcileRequest { dry_run, looks_for_archived, ..request }));
            members.push(Member { version, step });
        }
        let reconciler = GroupReconciler {
            registry: &self.registry,
            repository: &repository.name,
            time: self.time,
            max_read_bytes: MAX_READ_BYTES,
            failed_read: FailedRead::Halves,
            large_versions: &self.large_versions,
            delegate: &delegate,
        };
        reconciler.reconcile(members).await;
        self.reconcile_aliases(&repository).await;
    }
}

impl GroupDelegate for BatchDelegate<'_, '_> {
    type Version = Version;

    fn abandoned(&self) -> Option<Error> {
        self.repository.refusal()
    }

    fn on_read_error(&self, error: &Error) -> Option<VersionEnd> {
        error.concerns_repository().then(|| {
            self.repository.abandon(error.clone());
            End::Abandoned(error.clone())
        })
    }

    fn on_write_error(&self, error: &Error) {
        if is_write_refusal(error) {
            self.repository.write_refused(error);
        }
    }

    fn on_end(&self, version: Version, end: VersionEnd) {
        self.reporter.version(self.repository, &version, end);
    }
}

/// Whether an error of a write concerns the repository as a whole. Other refusals concern one manifest list.
fn is_write_refusal(error: &Error) -> bool {
    error.concerns_repository() || matches!(error, Error::RegistryRefused { code, .. } if code.as_str() == QUOTA_CODE)
}
