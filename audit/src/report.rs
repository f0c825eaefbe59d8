//! The report: the whole result of an audit.

use std::collections::BTreeMap;
use std::time::SystemTime;

use ecr_multiarch_core::{AccountId, Region, RepositoryName};
use serde::Serialize;

use crate::aliases::Aliases;
use crate::calendar::{Timeline, Unit, rfc_3339, serialize_rfc_3339};
use crate::checks;
use crate::coverage::Coverage;
use crate::finding::{Finding, Kind, KindTexts};
use crate::guess::Guess;
use crate::image::{Image, tagged};
use crate::request::{Request, Target};
use crate::scan::RepositoryScan;
use crate::suggestion::{RepositorySettings, Suggestion, doubts, variables};
use crate::version::{Version, Versions};

/// What was audited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditedRegistry {
    /// The account; `None` for that of the credentials.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Region,
}

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
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was audited.
    pub registry: AuditedRegistry,
    /// When, as RFC 3339 writes it.
    pub audited_at: String,
    /// Whether manifests were read.
    pub deep: bool,
    /// Its size.
    pub totals: Totals,
    /// Settings for the function, as environment variables; empty, where no repository needs it.
    pub settings: BTreeMap<&'static str, String>,
    /// Why the function would not take these settings as they are, in full sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings_doubts: Vec<String>,
    /// The kinds of the findings, in the order of the findings.
    pub kinds: Vec<KindReport>,
    /// The findings, by repository.
    pub findings: Vec<Finding>,
    /// The periods of all coverage.
    pub timeline: TimelineReport,
    /// The coverage of all repositories.
    pub coverage: Coverage,
    /// The repositories, in ascending order.
    pub repositories: Vec<RepositoryReport>,
    /// What the audit could not find out of all repositories, and what follows, in full sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// What could not be scanned or read.
    pub failures: Vec<Failure>,
}

/// Numbers of the whole audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The repositories that were scanned.
    pub repositories: usize,
    /// Their versions.
    pub versions: usize,
    /// The versions with at least one finding, and the aliases.
    pub tags_with_findings: usize,
    /// The findings.
    pub findings: usize,
    /// The versions that were not judged, since they were pushed within the last hour.
    pub settling: usize,
    /// The versions that were not judged, since everything of them is archived.
    pub archived: usize,
}

/// A kind of which there are findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindReport {
    /// The kind.
    pub kind: Kind,
    /// Its texts.
    #[serde(flatten)]
    pub texts: KindTexts,
    /// How many findings.
    pub findings: usize,
}

/// The periods of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineReport {
    /// How long they are.
    pub unit: Unit,
    /// Their labels: the Monday of a week, a month, a year.
    pub periods: Vec<String>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepositoryReport {
    /// Its name.
    pub name: RepositoryName,
    /// What was guessed.
    pub guess: Guess,
    /// Settings for it; `None` if it needs no lists.
    pub settings: Option<RepositorySettings>,
    /// How many findings it has.
    pub findings: usize,
    /// The request that mends all findings that requests mend.
    pub request: Option<Request>,
    /// The platforms of its versions.
    pub platforms: Vec<String>,
    /// Its versions, the newest push first.
    pub versions: Vec<VersionReport>,
    /// Its coverage.
    pub coverage: Coverage,
}

/// A version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionReport {
    /// Its tag.
    pub tag: String,
    /// When its newest image was pushed.
    #[serde(serialize_with = "serialize_rfc_3339")]
    pub pushed_at: SystemTime,
    /// The positions of its platforms in those of the repository; `None`, where nothing tells them.
    pub platforms: Option<Vec<usize>>,
    /// The positions of the platforms that most of its siblings have and it has not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<usize>,
    /// What its own tag names.
    pub names: Named,
    /// Whether it was pushed within the last hour, and so is not judged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub settling: bool,
    /// Whether everything of it is archived, and it is not judged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}

/// What the tag of a version names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Named {
    /// A manifest list.
    List,
    /// A single image.
    Image,
    /// Something that is neither.
    Other,
    /// Nothing.
    Nothing,
}

/// A repository that could not be scanned, or not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The repository.
    pub repository: RepositoryName,
    /// Why.
    pub message: String,
}

impl Audit {
    /// An audit of this registry, with requests for this target.
    pub fn new(registry: AuditedRegistry, target: Target, now: SystemTime, is_deep: bool) -> Self {
        let (repositories, findings, limits, failures) = Default::default();
        Self { registry, target, now, is_deep, repositories, findings, limits, failures }
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
        guess.doubts.extend(aliases.unguessed().filter(|_| suggestion.is_some()));
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
        let Self { registry, target: _, now, is_deep, mut repositories, mut findings, limits, mut failures } = self;
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
        let settings = variables(&settings, settings.len() == repositories.len());
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

impl RepositoryReport {
    /// The versions whose platforms are known.
    fn known_versions(&self) -> impl Iterator<Item = &VersionReport> {
        self.versions.iter().filter(|version| version.platforms.is_some())
    }

    fn covered(&self, version: &VersionReport) -> (SystemTime, Vec<&str>) {
        let positions = version.platforms.iter().flatten();
        (version.pushed_at, positions.filter_map(|position| Some(self.platforms.get(*position)?.as_str())).collect())
    }
}

impl VersionReport {
    fn of(version: &Version<'_>, now: SystemTime) -> Self {
        let archived = version.is_archived();
        let settling = !archived && version.is_settling(now);
        Self {
            tag: version.tag.to_owned(),
            pushed_at: version.pushed_at,
            platforms: version.platforms.clone(),
            missing: if settling || archived { Vec::new() } else { version.missing() },
            names: Named::of(version.own),
            settling,
            archived,
        }
    }
}

impl Named {
    fn of(own: Option<&Image>) -> Self {
        match own {
            None => Self::Nothing,
            Some(image) if image.is_list() => Self::List,
            Some(image) if image.is_image_or_list() => Self::Image,
            Some(_) => Self::Other,
        }
    }
}
