//! What the model's bounds are too narrow to reach: conflicts, dry runs, retries, lack of time, call by call.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecr_multiarch_core::alias::machine::{MAX_WRITES, ScanRepository};
use ecr_multiarch_core::alias::yank::{NotYankable, YankAction, YankEnd, YankOutcome, YankRequest, YankStep};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::reconcile::machine::{MAX_ROUNDS, PutResponse};
use ecr_multiarch_core::reconcile::observation::{Manifests, StoredManifest};
use ecr_multiarch_core::{
    AliasReconciliation, AliasReport, AliasRequest, AliasScan, AliasScanBuilder, AliasStep, Digest, Error, ErrorType,
    IamAction, ManifestList, Reference, RegistryId, RepositorySettings, Settings, Tag,
};

use super::catalog::{repository, scanned_image};

/// A repository whose tags change by hand.
struct Registry {
    settings: Arc<RepositorySettings>,
    tags: BTreeMap<Tag, StoredManifest>,
    /// Tags that scans do not show.
    hidden: Vec<Tag>,
    /// Whether scans state media types.
    states_media_types: bool,
    immutable: Vec<Tag>,
    calls: Vec<String>,
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// A manifest of this media type with an image of this platform.
fn manifest(media_type: MediaType, platform: &str, content: &str) -> StoredManifest {
    let image = Digest::sha256(content);
    let text = format!(
        r#"{{"manifests":[{{"mediaType":"{}","size":1,"digest":"{image}","platform":{{"os":"linux","architecture":"{platform}"}}}}]}}"#,
        MediaType::OciManifest
    );
    StoredManifest { digest: Digest::sha256(&text), media_type: media_type.to_string(), text: text.as_str().into() }
}

fn stored_list(content: &str) -> StoredManifest {
    manifest(MediaType::OciIndex, "amd64", content)
}

fn list(content: &str) -> ManifestList {
    let StoredManifest { digest, text, .. } = stored_list(content);
    ManifestList { media_type: MediaType::OciIndex, text: text.to_string(), digest }
}

impl Registry {
    /// A repository with these aliases, in which each tag names the list of the content that follows it.
    fn new(aliases: &str, tags: &[(&str, &str)]) -> Self {
        let settings = Settings::from_lookup(|name| match name {
            "PLATFORMS" => Some("linux/amd64".to_owned()),
            "ALIASES" => Some(aliases.to_owned()),
            "VERSION_PATTERN" => Some("[^x]*".to_owned()),
            _ => None,
        });
        let settings = settings.unwrap().for_repository(&repository()).unwrap().clone();
        let tags = tags.iter().map(|(name, content)| (tag(name), stored_list(content))).collect();
        let (hidden, immutable, calls) = (Vec::new(), Vec::new(), Vec::new());
        Self { settings, tags, hidden, states_media_types: true, immutable, calls }
    }

    fn set(&mut self, name: &str, content: &str) {
        self.tags.insert(tag(name), stored_list(content));
    }

    fn names(&self, name: &str, content: &str) -> bool {
        self.tags.get(&tag(name)).is_some_and(|stored| *stored == stored_list(content))
    }

    fn scan(&self) -> AliasScan {
        let mut builder = AliasScanBuilder::new(&self.settings);
        for (tag, stored) in self.tags.iter().filter(|(tag, _)| !self.hidden.contains(tag)) {
            let media_type = if self.states_media_types { stored.media_type.as_str() } else { "" };
            builder.add_image(&scanned_image(tag, stored.digest, media_type));
        }
        builder.finish()
    }

    fn read(&self, references: Vec<Reference>) -> Manifests {
        let find = |reference: Reference| match &reference {
            Reference::Tag(tag) => self.tags.get(tag).cloned().map(|stored| (reference, stored)),
            Reference::Digest(_) => None,
        };
        references.into_iter().filter_map(find).collect()
    }

    fn put(&mut self, tag: &Tag, list: &ManifestList) -> PutResponse {
        if self.immutable.contains(tag) && self.tags.contains_key(tag) {
            return PutResponse::TagImmutable;
        }
        let ManifestList { media_type, text, digest } = list;
        let media_type = media_type.to_string();
        self.tags.insert(tag.clone(), StoredManifest { digest: *digest, media_type, text: text.as_str().into() });
        PutResponse::Stored
    }

    fn version(&self, version: &str) -> AliasRequest {
        AliasRequest::for_version(repository(), &tag(version), &self.settings).unwrap()
    }

    fn sweep(&self) -> AliasRequest {
        AliasRequest::for_repository(repository(), &self.settings).unwrap()
    }

    /// Reconciles the aliases, and does this before each call, which it is given the number and the text of.
    fn run_with(
        &mut self,
        request: AliasRequest,
        mut before: impl FnMut(&mut Self, usize, &str),
    ) -> AliasReconciliation {
        let mut step = AliasStep::start(Arc::new(request));
        self.calls.clear();
        loop {
            let call = describe(&step);
            if let AliasStep::Done(end) = step {
                return end;
            }
            assert!(self.calls.len() < 100, "it does not end: {:?}", self.calls);
            before(self, self.calls.len(), &call);
            self.calls.push(call);
            step = match step {
                AliasStep::Scan(scan) => scan.resume(self.scan()),
                AliasStep::Read(read) => {
                    let manifests = self.read(read.references());
                    read.resume(manifests)
                }
                AliasStep::Put(put) => {
                    let writes = put.writes().to_vec();
                    let responses =
                        writes.iter().map(|write| (write.tag.clone(), Ok(self.put(&write.tag, &write.list))));
                    let responses = responses.collect();
                    put.resume(responses)
                }
                AliasStep::Done(_) => unreachable!(),
            };
        }
    }

    fn run(&mut self, request: AliasRequest) -> AliasReconciliation {
        self.run_with(request, |_, _, _| {})
    }
}

fn describe(step: &AliasStep) -> String {
    match step {
        AliasStep::Scan(scan) if scan.after().is_zero() => "scan".to_owned(),
        AliasStep::Scan(scan) => format!("scan after {} ms", scan.after().as_millis()),
        AliasStep::Read(read) => {
            format!("read {}", read.references().iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        }
        AliasStep::Put(put) => {
            let writes = put.writes().iter().map(|write| format!("{}={}", write.tag, write.release));
            format!("put {}", writes.collect::<Vec<_>>().join(" "))
        }
        AliasStep::Done(_) => "done".to_owned(),
    }
}

/// The reports as `tag outcome release`.
fn rows(reports: &[AliasReport]) -> Vec<String> {
    let release = |report: &AliasReport| report.release.as_ref().map_or("null".to_owned(), ToString::to_string);
    reports.iter().map(|one| format!("{} {} {}", one.tag, one.outcome.kind(), release(one))).collect()
}

fn failures(end: &AliasReconciliation) -> Vec<(String, ErrorType)> {
    end.failed.iter().map(|failure| (failure.tag.to_string(), failure.error.error_type())).collect()
}

const ALL: &str = "{major}.{minor},{major},latest";

#[test]
fn settled_repository_needs_no_call_but_the_scan() {
    let tags = [("1.0.0", "a"), ("1.1.0", "b"), ("1.0", "a"), ("1.1", "b"), ("1", "b"), ("latest", "b"), ("edge", "c")];
    let registry = Registry::new(ALL, &tags);
    let end = ScanRepository::start(Arc::new(registry.sweep())).resume(registry.scan());
    assert_eq!(end, AliasStep::Done(AliasReconciliation::default()));
}

#[test]
fn release_just_published_is_not_read_again() {
    let mut registry = Registry::new(ALL, &[("1.2.3", "a")]);
    let end = registry.run(registry.version("1.2.3").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["1.2 moved 1.2.3", "1 moved 1.2.3", "latest moved 1.2.3"]);
    assert_eq!(registry.calls, ["scan", "read 1 1.2 latest", "put 1.2=1.2.3 1=1.2.3 latest=1.2.3", "scan"]);
    assert!(["1.2", "1", "latest"].iter().all(|alias| registry.names(alias, "a")));
    let json = serde_json::to_string(&end.aliases[2]).unwrap();
    assert_eq!(json, r#"{"tag":"latest","outcome":"moved","release":"1.2.3","reason":null}"#);
}

#[test]
fn backport_leaves_the_aliases_of_higher_releases() {
    let mut registry = Registry::new(
        ALL,
        &[("1.1.8", "a"), ("1.1.9", "b"), ("1.2.0", "c"), ("1.1", "a"), ("1.2", "c"), ("1", "c"), ("latest", "c")],
    );
    let end = registry.run(registry.version("1.1.9").with_list(&list("b")));
    assert_eq!(rows(&end.aliases), ["1.1 moved 1.1.9", "1 unchanged 1.2.0", "latest unchanged 1.2.0"]);
    assert_eq!(registry.calls, ["scan", "put 1.1=1.1.9", "scan"]);
}

#[test]
fn list_of_a_higher_release_is_read_by_its_tag() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("1.1.0", "b"), ("latest", "a")]);
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest moved 1.1.0"]);
    assert_eq!(registry.calls, ["scan", "read 1.1.0", "put latest=1.1.0", "scan"]);
}

#[test]
fn other_versions_than_served_releases_do_not_count() {
    let tags = [("1.0.0", "a"), ("1.1.0-rc.1", "b"), ("1.1", "c"), ("2.0.0.0", "d"), ("x1.0.0", "e"), ("2026", "f")];
    let mut registry = Registry::new("latest", &tags);
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest moved 1.0.0"]);
    for version in ["1.1.0-rc.1", "1.1", "latest", "x1.0.0"] {
        assert_eq!(AliasRequest::for_version(repository(), &tag(version), &registry.settings), None, "{version}");
    }
    let plain = Registry::new("", &[]);
    assert_eq!(AliasRequest::for_version(repository(), &tag("1.0.0"), &plain.settings), None);
    assert_eq!(AliasRequest::for_repository(repository(), &plain.settings), None);
}

#[test]
fn of_equal_releases_the_tag_that_sorts_last_has_the_alias() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("v1.0.0", "b"), ("1.00.0", "c")]);
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest moved v1.0.0"]);
}

#[test]
fn plain_image_under_an_alias_is_left_alone_without_a_read() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a")]);
    registry.tags.insert(tag("latest"), manifest(MediaType::OciManifest, "amd64", "x"));
    let request = registry.version("1.0.0").with_list(&list("a"));
    let end = registry.run(request.clone());
    assert_eq!(rows(&end.aliases), ["latest conflict 1.0.0"]);
    assert!(end.aliases[0].outcome.reason().unwrap().contains("not a manifest list"));
    assert_eq!(registry.calls, ["scan"]);

    let end = registry.run(request.with_force(true));
    assert_eq!(rows(&end.aliases), ["latest moved 1.0.0"]);
    assert!(registry.names("latest", "a"));
}

#[test]
fn plain_image_of_unknown_media_type_is_found_by_a_read() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a")]);
    registry.tags.insert(tag("latest"), manifest(MediaType::OciManifest, "amd64", "x"));
    registry.tags.insert(tag("1.1.0"), manifest(MediaType::OciManifest, "amd64", "y"));
    registry.states_media_types = false;
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest conflict 1.1.0"], "the scan does not say that 1.1.0 is not published");
    registry.set("latest", "a");
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest unchanged 1.0.0"]);
}

#[test]
fn plain_image_under_an_alias_and_a_version_is_left_alone() {
    for (states_media_types, calls) in [(true, &["scan"][..]), (false, &["scan", "read latest"])] {
        let mut registry = Registry::new("latest", &[("1.0.0", "a")]);
        for name in ["edge", "latest"] {
            registry.tags.insert(tag(name), manifest(MediaType::OciManifest, "amd64", "nightly"));
        }
        registry.states_media_types = states_media_types;
        let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
        assert_eq!(rows(&end.aliases), ["latest conflict 1.0.0"]);
        assert_eq!(registry.calls, calls);
    }
}

#[test]
fn list_with_another_platform_is_left_alone() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a")]);
    registry.tags.insert(tag("latest"), manifest(MediaType::OciIndex, "s390x", "x"));
    let request = registry.version("1.0.0").with_list(&list("a"));
    let end = registry.run(request.clone());
    assert_eq!(rows(&end.aliases), ["latest conflict 1.0.0"]);
    assert!(end.aliases[0].outcome.reason().unwrap().contains("linux/s390x"));
    assert_eq!(registry.calls, ["scan", "read latest"]);

    let end = registry.run(request.with_force(true));
    assert_eq!(rows(&end.aliases), ["latest moved 1.0.0"]);
}

#[test]
fn list_of_the_own_platforms_is_replaced_after_a_second_scan() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("latest", "of nobody")]);
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest moved 1.0.0"]);
    assert_eq!(registry.calls, ["scan", "read latest", "scan after 100 ms", "put latest=1.0.0", "scan"]);
}

#[test]
fn list_of_a_version_is_replaced_at_once() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("1.1.0-rc.1", "b"), ("latest", "b")]);
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest moved 1.0.0"]);
    assert_eq!(registry.calls, ["scan", "put latest=1.0.0", "scan"]);
}

#[test]
fn immutable_alias_is_left_alone() {
    let mut registry = Registry::new(ALL, &[("1.0.0", "a"), ("1.0", "a"), ("1", "a"), ("latest", "a"), ("1.0.1", "b")]);
    registry.immutable = vec![tag("1.0"), tag("latest")];
    let end = registry.run(registry.version("1.0.1").with_list(&list("b")));
    assert_eq!(rows(&end.aliases), ["1.0 conflict 1.0.1", "1 moved 1.0.1", "latest conflict 1.0.1"]);
    assert!(end.aliases[0].outcome.reason().unwrap().contains("immutable"));
    assert_eq!(registry.calls, ["scan", "put 1.0=1.0.1 1=1.0.1 latest=1.0.1", "scan"]);
}

#[test]
fn immutable_alias_that_another_handler_wrote_is_unchanged() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a")]);
    registry.immutable = vec![tag("latest")];
    let end = registry.run_with(registry.version("1.0.0").with_list(&list("a")), |registry, _, call| {
        if call.starts_with("put") {
            registry.set("latest", "a");
        }
    });
    assert_eq!(rows(&end.aliases), ["latest unchanged 1.0.0"]);
}

#[test]
fn alias_without_a_release_is_left_alone() {
    let mut registry = Registry::new(ALL, &[("1.0.0", "a"), ("latest", "a"), ("yanked-1.0.0", "a"), ("2026", "b")]);
    let end = registry.run(registry.version("1.0.0"));
    assert_eq!(rows(&end.aliases), ["1.0 unchanged null", "1 unchanged null", "latest conflict null"]);
    assert_eq!(registry.calls, ["scan"]);
    let end = registry.run(registry.sweep());
    assert_eq!(rows(&end.aliases), ["2026 conflict null", "latest conflict null"]);
}

#[test]
fn dry_run_writes_nothing() {
    let mut registry = Registry::new(ALL, &[("1.0.0", "a"), ("1.0", "a"), ("latest", "a")]);
    let request = registry.version("1.0.1").with_list(&list("b"));
    let end = registry.run(request.with_dry_run(true));
    assert_eq!(rows(&end.aliases), ["1.0 would_move 1.0.1", "1 would_move 1.0.1", "latest would_move 1.0.1"]);
    assert_eq!(registry.calls, ["scan", "read 1"]);
    let end = registry.run(registry.sweep().with_dry_run(true));
    assert_eq!(rows(&end.aliases), ["1 would_move 1.0.0"]);
}

#[test]
fn scan_that_does_not_show_the_own_write_is_repeated() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a")]);
    let end = registry.run_with(registry.version("1.0.0").with_list(&list("a")), |registry, call, _| {
        registry.hidden = match call {
            0 => vec![tag("1.0.0")],
            5 => vec![tag("latest")],
            _ => vec![],
        };
    });
    assert_eq!(rows(&end.aliases), ["latest moved 1.0.0"]);
    let calls = [
        "scan",
        "read 1.0.0",
        "scan after 100 ms",
        "read latest",
        "put latest=1.0.0",
        "scan",
        "read latest",
        "scan after 200 ms",
    ];
    assert_eq!(registry.calls, calls);
}

#[test]
fn write_that_no_scan_shows_is_an_error() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a")]);
    let end = registry.run_with(registry.version("1.0.0").with_list(&list("a")), |registry, call, _| {
        registry.hidden = if call > 2 { vec![tag("latest")] } else { vec![] };
    });
    assert_eq!(failures(&end), [("latest".to_owned(), ErrorType::NotYetVisible)]);
    assert_eq!(registry.calls.iter().filter(|call| call.starts_with("scan after")).count(), 5);
    assert!(end.into_result().unwrap_err().to_string().contains("3000 ms"));
}

#[test]
fn alias_that_others_keep_changing_is_contended() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("1.1.0", "b"), ("latest", "a")]);
    let end = registry.run_with(registry.version("1.1.0").with_list(&list("b")), |registry, _, call| {
        if call == "scan" {
            registry.set("latest", "a");
        }
    });
    assert_eq!(failures(&end), [("latest".to_owned(), ErrorType::Contended)]);
    assert_eq!(registry.calls.iter().filter(|call| call.starts_with("put")).count(), usize::from(MAX_ROUNDS));
}

#[test]
fn alias_that_moves_during_every_scan_is_contended() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("latest", "b")]);
    registry.hidden = vec![tag("latest")];
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(failures(&end), [("latest".to_owned(), ErrorType::Contended)]);
    assert!(registry.names("latest", "b"));
}

#[test]
fn alias_that_moved_during_the_scan_is_not_taken_back() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("1.1.0", "b"), ("latest", "b")]);
    let end = registry.run_with(registry.version("1.0.0").with_list(&list("a")), |registry, call, _| {
        registry.hidden = if call == 0 { vec![tag("1.1.0"), tag("latest")] } else { vec![] };
    });
    assert_eq!(rows(&end.aliases), ["latest unchanged 1.1.0"]);
    assert_eq!(registry.calls, ["scan", "read latest", "scan after 100 ms"]);
}

#[test]
fn release_that_scans_miss_is_read_by_tag_before_its_alias_goes() {
    let tags = [("1.0.0", "a"), ("1.1.0", "b"), ("1.1.0-amd64", "image"), ("latest", "b")];
    let mut registry = Registry::new("latest", &tags);
    let end = registry.run_with(registry.version("1.0.0").with_list(&list("a")), |registry, call, _| {
        registry.hidden = if call < 4 { vec![tag("1.1.0")] } else { vec![] };
    });
    assert_eq!(rows(&end.aliases), ["latest unchanged 1.1.0"]);
    assert_eq!(registry.calls, ["scan", "read latest", "scan after 100 ms", "read 1.1.0", "scan after 200 ms"]);

    registry.tags.remove(&tag("1.1.0"));
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest moved 1.0.0"], "the release is gone");
}

#[test]
fn yanked_release_may_be_there_when_its_line_loses_an_alias() {
    let tags = [("1.0.0", "a"), ("1.1.0", "c"), ("yanked-1.1.0", "c"), ("latest", "b")];
    let mut registry = Registry::new("latest", &tags);
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest moved 1.0.0"]);
    assert_eq!(registry.calls, ["scan", "read latest", "scan after 100 ms", "put latest=1.0.0", "scan"]);
}

#[test]
fn release_that_names_an_image_is_not_published() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("latest", "a")]);
    registry.tags.insert(tag("1.1.0"), manifest(MediaType::OciManifest, "amd64", "x"));
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest unchanged 1.0.0"]);
    assert_eq!(registry.calls, ["scan"]);
}

#[test]
fn image_that_a_read_found_is_not_read_again() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("0.9.0", "b"), ("latest", "b")]);
    registry.tags.insert(tag("1.1.0"), manifest(MediaType::OciManifest, "amd64", "x"));
    registry.states_media_types = false;
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest moved 1.0.0"]);
    assert_eq!(registry.calls.iter().filter(|call| call.contains(" 1.1.0")).count(), 1, "{:?}", registry.calls);
}

#[test]
fn marker_of_a_release_that_is_gone_is_not_reported() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("yanked-1.1.0", "b"), ("latest", "a")]);
    for request in [registry.version("1.1.0"), registry.sweep()] {
        let end = registry.run(request);
        assert_eq!((rows(&end.markers), end.failed.len()), (vec![], 0));
        assert_eq!(registry.calls, ["scan"]);
    }
}

#[test]
fn release_without_a_marker_gets_none() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("latest", "a")]);
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!((rows(&end.markers), registry.calls.len()), (vec![], 1));
}

#[test]
fn release_gone_before_its_list_is_read_gets_no_alias() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("1.1.0", "b"), ("latest", "a")]);
    let end = registry.run_with(registry.version("1.0.0").with_list(&list("a")), |registry, call, _| {
        if call == 1 {
            registry.tags.remove(&tag("1.1.0"));
        }
    });
    assert_eq!(rows(&end.aliases), ["latest unchanged 1.0.0"]);
    assert_eq!(registry.calls, ["scan", "read 1.1.0", "scan after 100 ms"]);
}

#[test]
fn release_that_another_handler_rebuilt_meanwhile_is_accepted() {
    let mut registry = Registry::new("latest", &[("1.0.0", "b"), ("latest", "b")]);
    let end = registry.run(registry.version("1.0.0").with_list(&list("a")));
    assert_eq!(rows(&end.aliases), ["latest unchanged 1.0.0"]);
    assert_eq!(registry.calls, ["scan", "read 1.0.0"]);
}

#[test]
fn marker_follows_the_release_that_it_marks() {
    let tags = [("1.0.0", "a"), ("1.1.0", "c"), ("yanked-1.1.0", "b"), ("yanked-1.0.0-rc.1", "x"), ("latest", "a")];
    for sweeps in [false, true] {
        let mut registry = Registry::new("latest", &tags);
        let version = registry.version("1.1.0").with_list(&list("c"));
        let end = registry.run(if sweeps { registry.sweep() } else { version });
        assert_eq!(rows(&end.markers), ["yanked-1.1.0 moved 1.1.0"]);
        assert!(registry.names("yanked-1.1.0", "c") && registry.names("latest", "a"));
    }
}

#[test]
fn marker_on_an_image_is_left_alone() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("latest", "a"), ("1.1.0", "b")]);
    registry.tags.insert(tag("yanked-1.1.0"), manifest(MediaType::OciManifest, "amd64", "x"));
    let end = registry.run(registry.sweep());
    assert_eq!((rows(&end.aliases), rows(&end.markers)), (vec![], vec!["yanked-1.1.0 conflict 1.1.0".to_owned()]));
}

#[test]
fn write_without_a_response_is_pending_and_an_error_is_reported() {
    let registry =
        Registry::new(ALL, &[("1.0.0", "a"), ("1.0", "x"), ("1", "x"), ("latest", "x"), ("1.0.0-rc.1", "x")]);
    let denied = || Error::AccessDenied {
        action: IamAction::PutImage,
        resource: Resource::Repository(repository()),
        message: "".into(),
    };
    let step = ScanRepository::start(Arc::new(registry.version("1.0.0").with_list(&list("a")))).resume(registry.scan());
    let AliasStep::Put(put) = step else { panic!("{step:?}") };
    let responses = [(tag("1.0"), Ok(PutResponse::Stored)), (tag("1"), Err(denied()))].into();
    let AliasStep::Scan(scan) = put.clone().resume(responses) else { panic!("a write is to be confirmed") };
    assert!(scan.is_confirmation());
    let mut after =
        Registry::new(ALL, &[("1.0.0", "a"), ("1.0", "a"), ("1", "x"), ("latest", "x"), ("1.0.0-rc.1", "x")]);
    let AliasStep::Done(end) = scan.resume(after.scan()) else { panic!("nothing is left") };
    assert_eq!(rows(&end.aliases), ["1.0 moved 1.0.0", "latest pending 1.0.0"]);
    assert!(end.aliases[1].outcome.reason().unwrap().contains("next sweep"));
    assert_eq!(failures(&end), [("1".to_owned(), ErrorType::AccessDenied)]);
    assert!(end.into_result().is_err());

    let AliasStep::Done(end) = put.resume(BTreeMap::new()) else { panic!("nothing was written, nothing is confirmed") };
    assert_eq!(rows(&end.aliases), ["1.0 pending 1.0.0", "1 pending 1.0.0", "latest pending 1.0.0"]);
    assert_eq!(rows(&after.run(after.sweep()).aliases), ["1 moved 1.0.0", "latest moved 1.0.0"]);
}

#[test]
fn every_step_can_be_deferred() {
    let tags = [("1.0.0", "a"), ("1.1.0", "b"), ("1.0", "a"), ("latest", "a")];
    let mut registry = Registry::new("{major}.{minor},latest", &tags);
    let mut step = AliasStep::start(Arc::new(registry.version("1.0.0")));
    let mut deferred = Vec::new();
    loop {
        deferred.push((describe(&step), rows(&step.clone().defer().aliases)));
        step = match step {
            AliasStep::Scan(scan) => scan.resume(registry.scan()),
            AliasStep::Read(read) => {
                let manifests = registry.read(read.references());
                read.resume(manifests)
            }
            AliasStep::Put(put) => {
                let write = put.writes()[0].clone();
                let response = registry.put(&write.tag, &write.list);
                put.resume([(write.tag, Ok(response))].into())
            }
            AliasStep::Done(_) => break,
        };
    }
    let expected: [(&str, [&str; 2]); 5] = [
        ("scan", ["1.0 pending 1.0.0", "latest pending 1.0.0"]),
        ("read 1.1.0", ["1.0 unchanged 1.0.0", "latest pending 1.1.0"]),
        ("put latest=1.1.0", ["1.0 unchanged 1.0.0", "latest pending 1.1.0"]),
        ("scan", ["1.0 pending 1.0.0", "latest pending 1.0.0"]),
        ("done", ["1.0 unchanged 1.0.0", "latest moved 1.1.0"]),
    ];
    let deferred: Vec<_> = deferred.iter().map(|(call, rows)| (call.as_str(), rows.as_slice())).collect();
    for ((call, rows), (expected_call, expected_rows)) in deferred.iter().zip(expected) {
        assert_eq!((*call, *rows), (expected_call, expected_rows.map(str::to_owned).as_slice()));
    }
    assert_eq!(deferred.len(), expected.len());
    let unstarted = AliasStep::start(Arc::new(registry.sweep())).defer();
    assert_eq!(unstarted, AliasReconciliation::default());
}

#[test]
fn image_that_stays_missing_is_an_error() {
    let registry = Registry::new("latest", &[("1.0.0", "a"), ("0.9.0", "x"), ("latest", "x")]);
    let mut step = AliasStep::start(Arc::new(registry.version("1.0.0").with_list(&list("a"))));
    let mut waited = 0;
    let end = loop {
        step = match step {
            AliasStep::Scan(scan) => {
                waited += scan.after().as_millis();
                scan.resume(registry.scan())
            }
            AliasStep::Put(put) => put.resume([(tag("latest"), Ok(PutResponse::ReferencedImageNotFound))].into()),
            AliasStep::Done(end) => break end,
            AliasStep::Read(read) => panic!("{read:?}"),
        };
    };
    assert_eq!((waited, failures(&end)), (3_000, vec![("latest".to_owned(), ErrorType::NotYetVisible)]));
}

#[test]
fn corrupt_list_is_not_written() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("0.9.0", "x"), ("latest", "x")]);
    registry.tags.get_mut(&tag("1.0.0")).unwrap().text = "{}".into();
    let end = registry.run(registry.sweep());
    assert_eq!(failures(&end), [("latest".to_owned(), ErrorType::CorruptImage)]);
}

#[test]
fn many_aliases_are_written_in_groups_that_a_scan_confirms() {
    let releases: Vec<_> = (0..120).map(|minor| format!("1.{minor}.0")).collect();
    let tags: Vec<_> = releases.iter().map(|release| (release.as_str(), release.as_str())).collect();
    let mut registry = Registry::new("{major}.{minor}", &tags);
    let end = registry.run(registry.sweep());
    assert_eq!((end.aliases.len(), end.failed.len()), (120, 0));
    assert!(end.aliases.iter().all(|report| report.outcome.kind().name() == "moved"));
    let kinds: Vec<_> = registry.calls.iter().map(|call| call.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["scan", "read", "put", "scan", "read", "put", "scan", "read", "put", "scan"]);
    assert_eq!(registry.calls[2].split(' ').count(), 1 + MAX_WRITES);
    assert_eq!(registry.run(registry.sweep()), AliasReconciliation::default());
}

#[test]
fn alias_that_one_read_does_not_show_is_written_at_once() {
    let registry = Registry::new("latest", &[("1.0.0", "a")]);
    let start = || ScanRepository::start(Arc::new(registry.version("1.0.0").with_list(&list("a"))));
    assert_eq!(describe(&start().resume(registry.scan().of_one_read())), "put latest=1.0.0");
    assert_eq!(describe(&start().resume(registry.scan())), "read latest");
}

#[test]
fn sweep_adds_what_it_published_to_its_scan() {
    let registry = Registry::new("latest", &[("1.0.0", "a"), ("latest", "a")]);
    let mut builder = AliasScanBuilder::new(&registry.settings);
    for (name, content) in [("1.0.0", "a"), ("latest", "a")] {
        let StoredManifest { digest, media_type, .. } = &stored_list(content);
        builder.add_image(&scanned_image(&tag(name), *digest, media_type));
    }
    builder.add_list(&tag("1.1.0"), &list("b"));
    let step = ScanRepository::start(Arc::new(registry.sweep().with_list(&list("b")))).resume(builder.finish());
    assert_eq!(describe(&step), "put latest=1.1.0");
}

fn yank(registry: &Registry, version: &str, action: YankAction) -> Result<YankRequest, NotYankable> {
    YankRequest::new(repository(), &tag(version), action, &registry.settings)
}

impl Registry {
    fn run_yank(&mut self, request: YankRequest) -> Result<YankEnd, Error> {
        let mut step = YankStep::start(Arc::new(request));
        loop {
            step = match step {
                YankStep::Read(read) => {
                    let manifests = self.read(read.references());
                    read.resume(&manifests)?
                }
                YankStep::Put(put) => {
                    let response = self.put(put.tag(), put.list());
                    put.resume(response)?
                }
                YankStep::Done(end) => return Ok(end),
            };
        }
    }
}

#[test]
fn yank_marks_the_release_and_its_aliases_step_back() {
    let mut registry = Registry::new("latest", &[("1.0.0", "a"), ("1.1.0", "b"), ("latest", "b")]);
    let request = yank(&registry, "1.1.0", YankAction::Yank).unwrap();

    let end = registry.run_yank(request.clone().with_dry_run(true)).unwrap();
    assert_eq!((end.outcome.name(), end.digest), ("would_yank", Some(stored_list("b").digest)));
    assert_eq!(rows(&registry.run(end.aliases.unwrap()).aliases), ["latest would_move 1.0.0"]);
    assert!(!registry.tags.contains_key(&tag("yanked-1.1.0")));

    let end = registry.run_yank(request.clone()).unwrap();
    assert_eq!((end.outcome.name(), end.marker.to_string().as_str()), ("yanked", "yanked-1.1.0"));
    assert!(registry.names("yanked-1.1.0", "b"));
    assert_eq!(rows(&registry.run(end.aliases.unwrap()).aliases), ["latest moved 1.0.0"]);
    assert_eq!(registry.calls, ["scan", "read 1.0.0", "put latest=1.0.0", "scan"]);

    let end = registry.run_yank(request).unwrap();
    assert_eq!(end.outcome, YankOutcome::Unchanged);
    assert_eq!(rows(&registry.run(end.aliases.unwrap()).aliases), ["latest unchanged 1.0.0"]);
}

#[test]
fn unyank_states_the_command_and_reconciles_without_marker() {
    let mut registry =
        Registry::new("latest", &[("1.0.0", "a"), ("1.1.0", "b"), ("yanked-1.1.0", "b"), ("latest", "a")]);
    let request = yank(&registry, "1.1.0", YankAction::Unyank).unwrap();
    let end = registry.run_yank(request.clone()).unwrap();
    assert_eq!((end.outcome, end.is_marked, end.aliases), (YankOutcome::Unchanged, true, None));
    let account = Some("111122223333".parse().unwrap());
    let command =
        end.marker.removal_command(&RegistryId { account, region: "eu-central-1".parse().unwrap() }, &repository());
    assert_eq!(
        command,
        "aws ecr batch-delete-image --region eu-central-1 --registry-id 111122223333 --repository-name app \
         --image-ids imageTag=yanked-1.1.0"
    );
    registry.tags.remove(&tag("yanked-1.1.0"));
    let end = registry.run_yank(request).unwrap();
    assert_eq!((end.outcome, end.is_marked), (YankOutcome::Unchanged, false));
    assert_eq!(rows(&registry.run(end.aliases.unwrap()).aliases), ["latest moved 1.1.0"]);
}

#[test]
fn what_cannot_be_yanked_says_why() {
    let mut registry = Registry::new("latest", &[]);
    for (version, expected) in [("1.2", "not a release"), ("1.2.3-rc.1", "not a release"), ("latest", "not a release")]
    {
        let error = yank(&registry, version, YankAction::Yank).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let long = format!("{}.0.0", "1".repeat(118));
    assert!(matches!(yank(&registry, &long, YankAction::Yank), Err(NotYankable::TooLong(_))));
    let plain = Registry::new("", &[]);
    assert_eq!(yank(&plain, "1.0.0", YankAction::Yank), Err(NotYankable::NoAliases));

    let request = yank(&registry, "1.0.0", YankAction::Yank).unwrap();
    let end = registry.run_yank(request.clone()).unwrap();
    assert_eq!((end.outcome, end.aliases), (YankOutcome::Waiting, None));
    registry.tags.insert(tag("1.0.0"), manifest(MediaType::OciManifest, "amd64", "x"));
    assert_eq!(registry.run_yank(request).unwrap_err().error_type(), ErrorType::TagConflict);
}
