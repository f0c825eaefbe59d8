//! The end of a reconciliation: the outcome of each alias and marker.

use super::decision::{Attempts, Decider, Decision, GivenUp};
use super::outcome::{AliasFailure, AliasOutcome, AliasPending, AliasReconciliation, AliasReport};
use super::request::AliasRequest;
use super::target::Target;
use crate::error::Error;
use crate::settings::release::Release;

/// The end of these targets, of which those that are not settled are pending.
pub(super) fn end(targets: &[Target], decider: &Decider<'_>, attempts: &Attempts) -> AliasReconciliation {
    let mut end = AliasReconciliation::default();
    for target in targets {
        match decider.decide(target) {
            Decision::Settled(outcome, release) => {
                let is_followed = !matches!(outcome, AliasOutcome::Conflict(_) | AliasOutcome::Pending(_));
                let passed_over = decider.passed_over(target).filter(|_| is_followed).cloned();
                let since = release.as_ref().and_then(|release| decider.newest_platform(release));
                end.add(target, AliasReport { passed_over, since, ..AliasReport::new(target, outcome, release) });
            }
            Decision::Failed(error) => end.fail(target, error),
            Decision::Read(_) | Decision::Scan | Decision::Write(_) => {
                let release = decider.desired(target).map(|(release, _)| release.clone());
                end.add(target, AliasReport::new(target, attempts.pending(target), release));
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
        Target::Alias(_) | Target::Unusable(_) => true,
        Target::Marker(marker) => rounds.contains_key(marker.tag()) || given_up.contains_key(marker.tag()),
    };
    for target in targets.iter().filter(is_reported) {
        let (outcome, release) = match (target.tag().and_then(|tag| given_up.get(tag)), target) {
            (Some(GivenUp::Failed(error)), _) => {
                end.fail(target, error.clone());
                continue;
            }
            (Some(GivenUp::Pending(reason, release)), _) => (AliasOutcome::Pending(*reason), release.clone()),
            (None, Target::Alias(alias)) => {
                let gives =
                    |release: &&Release| request.settings.aliases(release).iter().flatten().any(|one| one == alias);
                (attempts.pending(target), request.releases().iter().filter(gives).max().cloned())
            }
            (None, Target::Marker(marker)) => (attempts.pending(target), Some(marker.release().clone())),
            (None, Target::Unusable(alias)) => (AliasOutcome::from(alias), Some(alias.release.clone())),
        };
        end.add(target, AliasReport::new(target, outcome, release));
    }
    end
}

impl Attempts {
    /// The outcome of a tag that is not settled.
    fn pending(&self, target: &Target) -> AliasOutcome {
        let is_written = target.tag().is_some_and(|tag| self.rounds.contains_key(tag));
        AliasOutcome::Pending(if is_written { AliasPending::NotConfirmed } else { AliasPending::NotWritten })
    }
}

impl AliasReconciliation {
    fn fail(&mut self, target: &Target, error: Error) {
        self.failed.extend(target.tag().cloned().map(|tag| AliasFailure { tag, error }));
    }

    /// Adds a target. A marker is reported where it moved, or should have.
    fn add(&mut self, target: &Target, report: AliasReport) {
        match target {
            Target::Alias(_) | Target::Unusable(_) => self.aliases.push(report),
            Target::Marker(_) if report.outcome == AliasOutcome::Unchanged => {}
            Target::Marker(_) => self.markers.push(report),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{release, settings_of_app};

    #[test]
    fn without_a_scan_all_aliases_are_pending_and_markers_that_were_tried() {
        let settings = settings_of_app(&[("PLATFORMS", "linux/amd64"), ("ALIASES", "{major}.{minor},latest")]);
        let request = |version: &str| AliasRequest::for_release("app".parse().unwrap(), release(version), &settings);
        let request = request("1.2.0").join(request("1.3.0")).join(request("1.4.0"));
        let targets = request.targets().unwrap();
        let mut attempts = Attempts::default();
        attempts.rounds.extend([("latest".parse().unwrap(), 1), ("yanked-1.2.0".parse().unwrap(), 1)]);
        let failed = ["1.2", "yanked-1.3.0"]
            .map(|tag| (tag.parse().unwrap(), GivenUp::Failed(request.contended(&tag.parse().unwrap(), 5))));
        attempts.given_up.extend(failed);
        let end = end_without_scan(&targets, &request, &attempts);
        let told = |reports: &[AliasReport]| {
            let told = |report: &AliasReport| format!("{} {:?} {:?}", report.tag, report.outcome, report.release);
            reports.iter().map(told).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&end.aliases),
            [
                r#"latest Pending(NotConfirmed) Some("1.4.0")"#,
                r#"1.3 Pending(NotWritten) Some("1.3.0")"#,
                r#"1.4 Pending(NotWritten) Some("1.4.0")"#,
            ]
        );
        assert_eq!(told(&end.markers), [r#"yanked-1.2.0 Pending(NotConfirmed) Some("1.2.0")"#]);
        assert_eq!(end.failed.iter().map(|failure| failure.tag.as_str()).collect::<Vec<_>>(), ["1.2", "yanked-1.3.0"]);
    }
}
