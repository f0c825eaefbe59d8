//! The audit: from scans to the report.

use std::time::SystemTime;

use ecr_multiarch_core::{RepositoryGlob, RepositoryName};

use crate::aliases::Aliases;
use crate::audited_registry::AuditedRegistry;
use crate::calendar::{Timeline, rfc_3339};
use crate::checks;
use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::guess::Guess;
use crate::image::tagged;
use crate::kind::Kind;
use crate::report::Report;
use crate::report::failure::Failure;
use crate::report::kind::KindReport;
use crate::report::repository::RepositoryReport;
use crate::report::timeline::TimelineReport;
use crate::report::totals::Totals;
use crate::report::version::VersionReport;
use crate::request::Request;
use crate::scan::RepositoryScan;
use crate::suggestion::Suggestion;
use crate::target::Target;
use crate::variables::{doubts, variables};
use crate::versions::Versions;

/// An audit that is under way. Of each scan it keeps only what the report needs.
#[derive(Debug)]
pub struct Audit {
    registry: AuditedRegistry,
    target: Target,
    now: SystemTime,
    is_deep: bool,
    repositories: Vec<RepositoryReport>,
    findings: Vec<Finding>,
    limits: Vec<String>,
    failures: Vec<Failure>,
    globs: Vec<RepositoryGlob>,
}

impl Audit {
    /// An audit of this registry, with requests for this target.
    pub fn new(registry: AuditedRegistry, target: Target, now: SystemTime, is_deep: bool) -> Self {
        let (repositories, findings, limits, failures, globs) = Default::default();
        Self { registry, target, now, is_deep, repositories, findings, limits, failures, globs }
    }

    /// Says that only the repositories which these globs match are audited. Without globs, all are.
    pub fn limit_to(&mut self, globs: &[RepositoryGlob]) {
        self.globs = globs.to_vec();
    }

    /// Audits a repository.
    pub fn add(&mut self, scan: &RepositoryScan) {
        let mut tags: Vec<_> = tagged(&scan.images).into_iter().filter(|(_, image)| !image.is_artifact()).collect();
        let mut guess = Guess::of(&tags.iter().map(|(tag, _)| *tag).collect::<Vec<_>>());
        let aliases = Aliases::of(scan, &guess);
        guess.aliases = aliases.guessed();
        let versions = Versions::of(scan, &guess, &aliases);
        let suggestion = Suggestion::of(&guess, &versions).unwrap_or_else(|reason| {
            guess.doubts.push(format!("The function does not accept these settings: {reason}."));
            None
        });
        tags.sort_unstable_by_key(|(tag, image)| std::cmp::Reverse((image.pushed_at, *tag)));
        guess.doubt_newest(tags.into_iter().map(|(tag, _)| tag));
        guess.doubts.extend(aliases.doubts());
        if let Some(suggestion) = &suggestion {
            for (template, reason) in &suggestion.refused {
                guess.aliases.retain(|guessed| guessed.template != *template);
                guess.doubts.push(format!("ALIASES leaves {template} out: {reason}."));
            }
            guess.doubts.extend(aliases.consequences(&guess.aliases).chain(aliases.unguessed()));
        }
        let findings = checks::findings(scan, &versions, &aliases, suggestion.as_ref(), &self.target, self.now);
        self.repositories.push(RepositoryReport {
            name: scan.name.clone(),
            guess,
            settings: suggestion.map(|suggestion| suggestion.settings),
            findings: findings.len(),
            request: self.sweep(&scan.name, &findings),
            versions: versions.all.iter().map(|version| VersionReport::of(version, self.now)).collect(),
            platforms: versions.platforms,
            coverage: Coverage::default(),
        });
        self.findings.extend(findings);
    }

    /// The sweep that mends what single requests would mend one by one. A sweep replaces no single image.
    fn sweep(&self, repository: &RepositoryName, findings: &[Finding]) -> Option<Request> {
        let mended = |finding: &&Finding| finding.request().is_some_and(|request| !request.is_forced());
        let mut mended = findings.iter().filter(mended).peekable();
        mended.peek()?;
        // What a scan does not show, the sweep finds only where it compares: an index of one image looks like a list.
        let deep = mended.any(|finding| {
            let kind = finding.problem.kind();
            kind.is_deep() || kind == Kind::SingleImage
        });
        Some(Request::Sweep { repositories: vec![repository.clone()], deep, target: self.target.clone() })
    }

    /// Adds a repository that could not be scanned or read.
    pub fn add_failure(&mut self, repository: RepositoryName, message: impl Into<String>) {
        self.failures.push(Failure { repository, message: message.into() });
    }

    /// Adds what the audit could not find out of all repositories, and what follows, in full sentences.
    pub fn add_limit(&mut self, limit: impl Into<String>) {
        self.limits.push(limit.into());
    }

    /// The report.
    pub fn finish(self) -> Report {
        let Self { registry, target: _, now, is_deep, mut repositories, mut findings, limits, mut failures, globs } =
            self;
        repositories.sort_by(|one, other| one.name.cmp(&other.name));
        findings.sort_by(|one, other| one.repository.cmp(&other.repository));
        failures.sort_by(|one, other| one.repository.cmp(&other.repository));
        let times = || repositories.iter().flat_map(RepositoryReport::known_versions).map(|version| version.pushed_at);
        let timeline = Timeline::of(times(), now);
        let all = repositories
            .iter()
            .flat_map(|repository| repository.known_versions().map(move |version| repository.covered(version)));
        let coverage = Coverage::of(all, &timeline);
        for repository in &mut repositories {
            let versions = repository.known_versions().map(|version| repository.covered(version));
            repository.coverage = Coverage::of(versions, &timeline);
        }
        let counted = |kind: Kind| findings.iter().filter(|finding| finding.problem.kind() == kind).count();
        let kinds = Kind::ALL.iter().map(|&kind| KindReport { kind, texts: kind.texts(), findings: counted(kind) });
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
            settling: versions().filter(|version| version.settling).count(),
            archived: versions().filter(|version| version.archived).count(),
        };
        let are_all = settings.len() == repositories.len() && failures.is_empty();
        let settings = variables(&settings, are_all.then_some(&globs));
        Report {
            registry,
            audited_at: rfc_3339(now),
            deep: is_deep,
            totals,
            settings_doubts: doubts(&settings),
            settings,
            kinds,
            timeline: TimelineReport { unit: timeline.unit(), periods: timeline.labels() },
            coverage,
            repositories,
            findings,
            limits,
            failures,
        }
    }
}
