//! The second stage: has the versions of a batch reconciled together.

use std::sync::Arc;

use ecr_multiarch_core::inventory::{Version, VersionStatus};
use ecr_multiarch_core::{Error, ErrorType, ReconcileRequest, Step};

use super::queue::{Batch, SweptRepository};
use super::report::Reporter;
use super::{NotReconciled, RegistrySweep, VersionResult};
use crate::ecr::{QUOTA_CODE, SharedRead};
use crate::group::{GroupOwner, GroupReconciler, Member, VersionEnd};

/// A read that fails is made in parts at once, so that one slow or unreadable version never holds up its neighbours. A
/// few responses of this size fit into the memory of the sweeper.
const SHARED_READ: SharedRead = SharedRead { is_attempted_once: true, max_bytes: 8 << 20 };

/// A repository that is being swept, as the owner of its batches.
struct BatchOwner<'a, 's> {
    repository: &'a SweptRepository<'s>,
    reporter: &'a Reporter<'a>,
}

impl RegistrySweep<'_> {
    /// Reconciles the versions of a batch, and with the last one the aliases of the repository.
    pub(super) async fn reconcile_batch(&self, batch: Batch<'_>) {
        let Batch { repository, versions } = batch;
        let owner = BatchOwner { repository: &repository, reporter: &self.reporter };
        let mut members = Vec::new();
        for version in versions {
            match ReconcileRequest::new(repository.name.clone(), version.tag.clone(), repository.settings) {
                Ok(request) => {
                    let compares = version.status == VersionStatus::Unsettled && !self.scope.deep;
                    let start = if compares { Step::start_with_comparison } else { Step::start };
                    let step = start(Arc::new(ReconcileRequest { dry_run: self.scope.dry_run, ..request }));
                    members.push(Member { version, step });
                }
                // An inventory has only versions that are served.
                Err(_) => owner.ended(version, VersionEnd::Left),
            }
        }
        let reconciler = GroupReconciler {
            registry: &self.registry,
            repository: &repository.name,
            time: self.time,
            shared_read: SHARED_READ,
            large_versions: &self.large_versions,
            owner: &owner,
        };
        reconciler.reconcile(members).await;
        self.reconcile_aliases(&repository).await;
    }
}

impl GroupOwner for BatchOwner<'_, '_> {
    type Version = Version;

    fn is_left(&self) -> bool {
        self.repository.is_left()
    }

    fn shared_read_failed(&self, error: &Error) -> Option<VersionEnd> {
        is_refusal(error).then(|| {
            self.repository.leave(error.clone());
            VersionEnd::Left
        })
    }

    fn write_failed(&self, error: &Error) {
        if is_write_refusal(error) {
            self.repository.write_refused(error);
        }
    }

    fn ended(&self, version: Version, end: VersionEnd) {
        self.reporter.version(self.repository, &version, result(end));
    }
}

fn result(end: VersionEnd) -> VersionResult {
    match end {
        VersionEnd::Reconciled(reconciliation) => Ok(reconciliation.outcome),
        VersionEnd::Failed(error) => Err(NotReconciled::Failed(error)),
        VersionEnd::Left => Err(NotReconciled::Left),
        VersionEnd::OutOfTime(_) => Err(NotReconciled::OutOfTime),
    }
}

/// Whether an error of a write concerns the repository as a whole. Other refusals concern one manifest list.
fn is_write_refusal(error: &Error) -> bool {
    is_refusal(error) || matches!(error, Error::RegistryRefused { code, .. } if code.as_str() == QUOTA_CODE)
}

/// Whether an error concerns the repository as a whole.
fn is_refusal(error: &Error) -> bool {
    matches!(error.error_type(), ErrorType::AccessDenied | ErrorType::RepositoryNotFound)
}
