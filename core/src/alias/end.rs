//! The end of a reconciliation: the outcome of each alias and marker.

use super::decision::{Attempts, Decider, Decision, GivenUp};
use super::outcome::{AliasFailure, AliasOutcome, AliasPending, AliasReconciliation, AliasReport};
use super::request::AliasRequest;
use super::target::Target;
use crate::oci::tag::Tag;
use crate::settings::release::Release;

/// The end of these targets, of which those that are not settled are pending.
pub(super) fn end(targets: &[Target], decider: &Decider<'_>, attempts: &Attempts) -> AliasReconciliation {
    let mut end = AliasReconciliation::default();
    for target in targets {
        match decider.decide(target) {
            Decision::Settled(outcome, release) => {
                let is_followed = !matches!(outcome, AliasOutcome::Conflict(_) | AliasOutcome::Pending(_));
                let passed_over = decider.passed_over(target).filter(|_| is_followed).cloned();
                end.add(
                    target,
                    AliasReport { passed_over, ..AliasReport::new(target.tag().clone(), outcome, release) },
                );
            }
            Decision::Failed(error) => end.failed.push(AliasFailure { tag: target.tag().clone(), error }),
            Decision::Read(_) | Decision::Scan | Decision::Write(_) => {
                let release = decider.desired(target).map(|(release, _)| release.clone());
                end.add(target, AliasReport::new(target.tag().clone(), attempts.pending(target.tag()), release));
            }
        }
    }
    end
}

/// The same, where no scan was made since the last write: nothing is settled.
pub(super) fn end_without_scan(targets: &[Target], request: &AliasRequest, attempts: &Attempts) -> AliasReconciliation {
    let Attempts { rounds, given_up, .. } = attempts;
    let mut end = AliasReconciliation::default();
    let is_reported = |target: &&Target| match target {
        Target::Alias(_) => true,
        Target::Marker(marker) => rounds.contains_key(marker.tag()) || given_up.contains_key(marker.tag()),
    };
    for target in targets.iter().filter(is_reported) {
        let tag = target.tag().clone();
        match given_up.get(&tag) {
            Some(GivenUp::Failed(error)) => end.failed.push(AliasFailure { tag, error: error.clone() }),
            Some(GivenUp::Pending(reason, release)) => {
                end.add(target, AliasReport::new(tag, AliasOutcome::Pending(*reason), release.clone()));
            }
            None => {
                let gives = |release: &&Release| request.settings.aliases.aliases(release).contains(&tag);
                let release = match target {
                    Target::Alias(_) => request.releases().iter().filter(gives).max(),
                    Target::Marker(marker) => Some(marker.release()),
                };
                let release = release.cloned();
                let pending = attempts.pending(&tag);
                end.add(target, AliasReport::new(tag, pending, release));
            }
        }
    }
    end
}

impl Attempts {
    /// The outcome of a tag that is not settled.
    fn pending(&self, tag: &Tag) -> AliasOutcome {
        let is_written = self.rounds.contains_key(tag);
        AliasOutcome::Pending(if is_written { AliasPending::NotConfirmed } else { AliasPending::NotWritten })
    }
}

impl AliasReconciliation {
    /// Adds a target. A marker is reported where it moved, or should have.
    fn add(&mut self, target: &Target, report: AliasReport) {
        match target {
            Target::Alias(_) => self.aliases.push(report),
            Target::Marker(_) if report.outcome == AliasOutcome::Unchanged => {}
            Target::Marker(_) => self.markers.push(report),
        }
    }
}
