//! A repository whose tags change by hand, and the transcript of what a handler asks of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecr_multiarch_core::alias::outcome::AliasReport;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{
    AliasReconciliation, AliasRequest, AliasScan, AliasScanBuilder, AliasStep, Digest, ManifestList, Reference,
    RepositorySettings, ScannedImage, Settings, Tag,
};

use super::catalog::{repository, scanned_image};

/// The repository.
pub struct Registry {
    pub settings: Arc<RepositorySettings>,
    pub tags: BTreeMap<Tag, StoredManifest>,
    /// Tags that the next scan does not show.
    hidden: Vec<Tag>,
    /// Whether scans state media types.
    states_media_types: bool,
    /// Whether each release that names a list has its platform tags, too.
    has_platform_tags: bool,
    immutable: Vec<Tag>,
    /// What nothing can read.
    archived: Vec<Digest>,
}

pub fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// What a word stands for: `image…`, `s390x…`, a list of that platform, a list of no platform, `partial…`, a `corrupt`
/// list; any other, a list of the own platform, such as `archived…`, one that is archived.
pub fn stored(content: &str) -> StoredManifest {
    let media_type = if content.starts_with("image") { MediaType::OciManifest } else { MediaType::OciIndex };
    let (os, architecture) = match content {
        _ if content.starts_with("s390x") => ("linux", "s390x"),
        _ if content.starts_with("partial") => ("unknown", "unknown"),
        _ => ("linux", "amd64"),
    };
    let entry = serde_json::json!({
        "mediaType": MediaType::OciManifest.as_str(), "size": 1, "digest": Digest::sha256(content).to_string(),
        "platform": {"os": os, "architecture": architecture},
    });
    let text = serde_json::json!({"manifests": [entry]}).to_string();
    let digest = Digest::sha256(&text);
    let text = if content == "corrupt" { "{}" } else { text.as_str() };
    StoredManifest { digest, media_type: media_type.to_string(), text: text.into() }
}

pub fn list(content: &str) -> ManifestList {
    let StoredManifest { digest, text, .. } = stored(content);
    ManifestList { media_type: MediaType::OciIndex, text: text.to_string(), digest }
}

impl Registry {
    /// A repository with these aliases and tags, such as `1.0.0=a latest=a!`: each with what it names, and `!` where it
    /// is immutable. With the word `untyped`, scans state no media types; with `whole`, no release has platform tags.
    pub fn new(aliases: &str, tags: &str) -> Self {
        let settings = Settings::from_lookup(|name| match name {
            "PLATFORMS" => Some("linux/amd64".to_owned()),
            "ALIASES" => Some(aliases.to_owned()),
            "VERSION_PATTERN" => Some("[^x]*".to_owned()),
            _ => None,
        });
        let settings = settings.unwrap().for_repository(&repository()).unwrap().clone();
        let mut registry = Self {
            settings,
            tags: BTreeMap::new(),
            hidden: Vec::new(),
            states_media_types: true,
            has_platform_tags: true,
            immutable: Vec::new(),
            archived: Vec::new(),
        };
        for word in tags.split_whitespace() {
            registry.change(word);
        }
        registry
    }

    /// Makes a change: `1.0.0=a`, `1.0.0 is gone`, or `1.0.0 is hidden` from a scan.
    fn change(&mut self, change: &str) {
        if let Some((name, content)) = change.split_once('=') {
            self.tags.insert(tag(name), stored(content.trim_end_matches('!')));
            self.immutable.extend(content.ends_with('!').then(|| tag(name)));
            self.archived.extend(content.starts_with("archived").then(|| stored(content).digest));
        } else if let Some(name) = change.strip_suffix(" is gone") {
            self.tags.remove(&tag(name));
        } else if let Some(name) = change.strip_suffix(" is hidden") {
            self.hidden.push(tag(name));
        } else if change == "whole" {
            self.has_platform_tags = false;
        } else {
            assert_eq!(change, "untyped");
            self.states_media_types = false;
        }
    }

    pub fn scan(&self) -> AliasScan {
        let mut builder = AliasScanBuilder::new(&self.settings);
        for (tag, stored) in self.tags.iter().filter(|(tag, _)| !self.hidden.contains(tag)) {
            let media_type = if self.states_media_types { stored.media_type.as_str() } else { "" };
            let is_archived = self.archived.contains(&stored.digest);
            builder.add_image(&ScannedImage { is_archived, ..scanned_image(tag, stored.digest, media_type) });
            if stored.is_list() && self.has_platform_tags && self.settings.release(tag).is_some() {
                for platform in self.settings.platform_tags(tag).unwrap() {
                    builder.add_image(&scanned_image(&platform.tag, stored.digest, "image"));
                }
            }
        }
        builder.finish()
    }

    pub fn read(&self, references: Vec<Reference>) -> Manifests {
        let find = |reference: Reference| match &reference {
            Reference::Tag(tag) => {
                let is_readable = |stored: &&StoredManifest| !self.archived.contains(&stored.digest);
                self.tags.get(tag).filter(is_readable).cloned().map(|stored| (reference, stored))
            }
            Reference::Digest(_) => None,
        };
        references.into_iter().filter_map(find).collect()
    }

    pub fn put(&mut self, tag: &Tag, list: &ManifestList) -> PutResponse {
        if self.immutable.contains(tag) && self.tags.contains_key(tag) {
            return PutResponse::TagImmutable;
        }
        self.tags.insert(tag.clone(), list.into());
        PutResponse::Stored
    }

    /// A request such as `sweep dry-run`, or `1.0.0=a forced` with the list of the release.
    pub fn request(&self, words: &str) -> AliasRequest {
        let mut words = words.split(' ');
        let scope = words.next().unwrap();
        let version = |version| {
            let release = self.settings.release(&tag(version)).unwrap();
            AliasRequest::for_release(repository(), release, &self.settings)
        };
        let request = match scope.split_once('=') {
            Some((release, content)) => version(release).with_list(&list(content)),
            None if scope == "sweep" => AliasRequest::for_repository(repository(), &self.settings),
            None => version(scope),
        };
        words.fold(request, |request, word| match word {
            "forced" => request.with_force(true),
            "dry-run" => request.with_dry_run(true),
            other => panic!("{other}"),
        })
    }

    /// The call of a step. A write shows what the tag is to name, if that is not the list of its release.
    pub fn describe(&self, step: &AliasStep) -> String {
        let texts = |texts: Vec<String>| texts.join(" ");
        match step {
            AliasStep::Scan(scan) if scan.after().is_zero() => "scan".to_owned(),
            AliasStep::Scan(scan) => format!("scan after {} ms", scan.after().as_millis()),
            AliasStep::Read(read) => {
                format!("read {}", texts(read.references().iter().map(ToString::to_string).collect()))
            }
            AliasStep::Put(put) => {
                let writes = put.writes().iter().map(|write| {
                    let is_of_release = self.tags[write.release.tag()].digest == write.list.digest;
                    let list = if is_of_release { String::new() } else { format!("@{}", write.list.digest) };
                    format!("{}={}{list}", write.tag, write.release)
                });
                format!("put {}", texts(writes.collect()))
            }
            AliasStep::Done(_) => "done".to_owned(),
        }
    }

    /// Carries out the call of a step.
    pub fn answer(&mut self, step: AliasStep) -> AliasStep {
        match step {
            AliasStep::Scan(scan) => scan.resume(self.scan()),
            AliasStep::Read(read) => {
                let manifests = self.read(read.references());
                read.resume(manifests)
            }
            AliasStep::Put(put) => {
                let writes = put.writes().to_vec();
                let responses = writes.iter().map(|write| (write.tag.clone(), Ok(self.put(&write.tag, &write.list))));
                let responses = responses.collect();
                put.resume(responses)
            }
            AliasStep::Done(_) => unreachable!(),
        }
    }

    /// Reconciles the aliases. Returns the calls, too. A script of calls such as `scan; read latest (latest=a)` has in
    /// parentheses what changes before a call, and this is in the returned calls as well.
    pub fn run(&mut self, request: AliasRequest, script: &str) -> (String, AliasReconciliation) {
        let mut script = script.split("; ").map(|call| call.split_once(" (").map_or("", |(_, changes)| changes));
        let mut step = AliasStep::start(Arc::new(request));
        let mut calls = Vec::new();
        loop {
            if let AliasStep::Done(end) = step {
                return (calls.join("; "), end);
            }
            assert!(calls.len() < 100, "it does not end: {calls:?}");
            self.hidden.clear();
            let changes = script.next().unwrap_or_default().trim_end_matches(')');
            changes.split(", ").filter(|change| !change.is_empty()).for_each(|change| self.change(change));
            let call = self.describe(&step);
            calls.push(if changes.is_empty() { call } else { format!("{call} ({changes})") });
            step = self.answer(step);
        }
    }

    /// The reports of a reconciliation whose calls are of no interest.
    pub fn reports(&mut self, request: AliasRequest) -> Vec<String> {
        reports(&self.run(request, "").1)
    }
}

/// What became of each alias and marker, as `tag outcome release: reason`.
pub fn reports(end: &AliasReconciliation) -> Vec<String> {
    let report = |report: &AliasReport| {
        let release = report.release.as_ref().map_or("null".to_owned(), ToString::to_string);
        let reason = report.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{} {} {release}{reason}", report.tag, report.outcome.kind())
    };
    let failures = end.failed.iter().map(|failure| format!("{} {}", failure.tag, failure.error.error_type()));
    end.aliases.iter().chain(&end.markers).map(report).chain(failures).collect()
}
