//! The audit: from scans to the report.

use std::time::SystemTime;

use ecr_multiarch_core::{RegistryId, RepositoryGlob, RepositoryName};

use crate::checks;
use crate::coverage::{Coverage, Timeline};
use crate::finding::{Finding, Request, RequestTarget};
use crate::guess::Guess;
use crate::image::tagged;
use crate::listed_images::ListedImages;
use crate::problem::Kind;
use crate::report::{AuditFailure, AuditedVersion, KindReport, Report, RepositoryReport, Totals};
use crate::scan::RepositoryScan;
use crate::settings::{variables, warnings};
use crate::shell::SettingsCommands;
use crate::streams;
use crate::suggestion::{RefusedTemplate, Suggestion};
use crate::versions::Versions;

/// An audit that is under way. Of each scan it keeps only what the report needs.
#[derive(Debug)]
pub struct Audit {
    registry: RegistryId,
    target: RequestTarget,
    now: SystemTime,
    as_of: Option<SystemTime>,
    is_deep: bool,
    repositories: Vec<RepositoryReport>,
    findings: Vec<Finding>,
    limits: Vec<String>,
    failures: Vec<AuditFailure>,
    globs: Vec<RepositoryGlob>,
}

impl Audit {
    /// An audit of this registry, with requests for this target.
    pub fn new(registry: RegistryId, target: RequestTarget, now: SystemTime, is_deep: bool) -> Self {
        let (as_of, repositories, findings, limits, failures, globs) = Default::default();
        Self { registry, target, now, as_of, is_deep, repositories, findings, limits, failures, globs }
    }

    /// Judges versions as if it were this time.
    pub fn judge_as_of(&mut self, time: SystemTime) {
        self.as_of = Some(time);
    }

    /// Says that only the repositories which these globs match are audited. Without globs, all are.
    pub fn limit_to(&mut self, globs: &[RepositoryGlob]) {
        self.globs = globs.to_vec();
    }

    /// Audits a repository.
    pub fn add(&mut self, scan: &RepositoryScan) {
        let as_of = self.as_of.unwrap_or(self.now);
        let mut tags: Vec<_> = tagged(&scan.images).into_iter().filter(|(_, image)| !image.is_artifact()).collect();
        let mut guess = Guess::of(&tags.iter().map(|(tag, _)| *tag).collect::<Vec<_>>());
        let aliases = streams::guess(scan, &mut guess);
        let versions = Versions::of(scan, &guess, &aliases);
        let suggestion = Suggestion::of(&scan.name, &guess, &versions).unwrap_or_else(|reason| {
            guess.warnings.push(format!("The function does not accept these settings: {reason}."));
            None
        });
        tags.sort_unstable_by_key(|(tag, image)| std::cmp::Reverse((image.pushed_at, *tag)));
        guess.warn_of_newest(tags.into_iter().map(|(tag, _)| tag));
        guess.warnings.extend(aliases.warnings_of_order());
        if let Some(suggestion) = &suggestion {
            for RefusedTemplate { releases, template, reason } in &suggestion.refused {
                guess.leave_out(releases.as_deref(), template);
                guess.warnings.push(aliases.warning_of_omission(template, reason));
            }
            let changes: Vec<_> = aliases.warnings_of_changes(&guess).collect();
            guess.warnings.extend(changes.into_iter().chain(aliases.warnings_of_omissions()));
        }
        let findings = checks::findings(scan, &versions, &aliases, suggestion.as_ref(), &self.target, as_of);
        self.repositories.push(RepositoryReport {
            name: scan.name.clone(),
            guess,
            settings: suggestion.map(|suggestion| suggestion.text),
            listed_images: ListedImages::of(scan, &versions),
            findings: findings.len(),
            request: self.sweep(&scan.name, &findings),
            versions: versions.all.iter().map(|version| AuditedVersion::of(version, as_of)).collect(),
            platforms: versions.platforms,
            coverage: Coverage::default(),
        });
        self.findings.extend(findings);
    }

    /// The sweep that fixes what single requests would fix one by one. A sweep replaces no single image.
    fn sweep(&self, repository: &RepositoryName, findings: &[Finding]) -> Option<Request> {
        let is_fixed = |finding: &&Finding| finding.request().is_some_and(|request| !request.is_forced());
        let mut fixed = findings.iter().filter(is_fixed).peekable();
        fixed.peek()?;
        // What a scan does not show, the sweep finds only where it compares: an index of one image looks like a list.
        let deep = fixed.any(|finding| {
            let kind = finding.problem.kind();
            kind.is_deep() || kind == Kind::SingleImage
        });
        Some(self.target.sweep(repository.clone(), deep))
    }

    /// Adds a repository that could not be scanned or read.
    pub fn add_failure(&mut self, repository: RepositoryName, message: impl Into<String>) {
        self.failures.push(AuditFailure { repository, message: message.into() });
    }

    /// Adds what the audit could not find out of all repositories, and what follows, in full sentences.
    pub fn add_limit(&mut self, limit: impl Into<String>) {
        self.limits.push(limit.into());
    }

    /// The report.
    pub fn finish(self) -> Report {
        let Self { mut repositories, mut findings, mut failures, .. } = self;
        repositories.sort_by(|one, other| one.name.cmp(&other.name));
        findings.sort_by(|one, other| one.repository.cmp(&other.repository));
        failures.sort_by(|one, other| one.repository.cmp(&other.repository));
        let covered = || repositories.iter().flat_map(RepositoryReport::covered);
        let timeline = Timeline::of(covered().map(|(pushed_at, _)| pushed_at), self.now);
        let coverage = Coverage::of(covered(), &timeline);
        for repository in &mut repositories {
            repository.coverage = Coverage::of(repository.covered(), &timeline);
        }
        let counted = |kind: Kind| findings.iter().filter(|finding| finding.problem.kind() == kind).count();
        let has_streams = repositories.iter().any(|repository| !repository.guess.streams.is_empty());
        let texts = |kind: Kind| if has_streams { kind.texts_of_streams() } else { kind.texts() };
        let kinds = Kind::ALL.iter().map(|&kind| KindReport { kind, texts: texts(kind), findings: counted(kind) });
        let kinds = kinds.filter(|kind| kind.findings > 0).collect();
        let settings: Vec<_> = repositories
            .iter()
            .filter_map(|repository| Some((&repository.name, repository.settings.as_ref()?)))
            .collect();
        let versions = || repositories.iter().flat_map(|repository| &repository.versions);
        let mut tags: Vec<_> = findings.iter().map(|finding| (&finding.repository, &finding.tag)).collect();
        tags.sort_unstable();
        tags.dedup();
        let totals = Totals {
            repositories: repositories.len(),
            versions: versions().count(),
            tags_with_findings: tags.len(),
            findings: findings.len(),
            recent: versions().filter(|version| version.recent).count(),
            archived: versions().filter(|version| version.archived).count(),
        };
        let names = || repositories.iter().map(|one| &one.name).chain(failures.iter().map(|one| &one.repository));
        let is_matched = |glob: &RepositoryGlob| names().any(|name| glob.matches(name));
        let (matched, unmatched): (Vec<_>, Vec<_>) = self.globs.into_iter().partition(is_matched);
        let are_all = settings.len() == repositories.len() && failures.is_empty();
        let settings = variables(&settings, are_all.then_some(&matched));
        Report {
            registry: self.registry,
            audited_at: self.now,
            as_of: self.as_of,
            deep: self.is_deep,
            totals,
            settings_warnings: warnings(&settings),
            settings_commands: SettingsCommands::of(&settings),
            settings,
            kinds,
            timeline,
            coverage,
            repositories,
            findings,
            unmatched,
            limits: self.limits,
            failures,
        }
    }
}
