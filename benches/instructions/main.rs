//! What the main computations cost, as counts of instructions, which are the same on a busy machine.
//!
//! `.ci/instructions` runs each task under callgrind, and compares the instructions of [`measured`] with `counts.json`.
//! `cargo run --profile bench -p ecr-multiarch-instructions -- TASK` runs one task, and without a task all of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark fails by a panic")]
#![allow(clippy::print_stdout, reason = "`--list` prints the tasks")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::SystemTime;

use ecr_multiarch_core::alias::machine::ScanRepository;
use ecr_multiarch_core::input::ImageAction;
use ecr_multiarch_core::oci::image_config::ImageConfig;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::reconcile::observation::{Description, ImageConfigs, Manifests};
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::{
    AliasRequest, AliasScan, AliasScanBuilder, AliasStep, Digest, Input, ManifestList, OutcomeKind, ReconcileRequest,
    Reference, RepositoryName, RepositorySettings, ScannedImage, Settings, Step, Tag,
};
use serde_json::json;

/// What is measured, after its input was prepared.
type Work = Box<dyn FnOnce()>;

/// A task: prepares its input.
type Task = fn() -> Work;

/// The tasks, by name.
const TASKS: [(&str, Task); 10] = [
    ("parse-settings", parse_settings),
    ("parse-event", parse_event),
    ("decide-waiting", decide_waiting),
    ("decide-unchanged", decide_unchanged),
    ("publish-2-platforms", || publish(2)),
    ("publish-8-platforms", || publish(8)),
    ("publish-64-platforms", || publish(64)),
    ("plan-aliases-of-1000-releases", || plan_aliases(1_000)),
    ("plan-aliases-of-1000-builds", || plan_aliases_of_builds(1_000)),
    ("judge-3000-aliases-of-no-version", || judge_aliases(3_000)),
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments == ["--list"] {
        for (name, _) in TASKS {
            println!("{name}");
        }
        return;
    }
    let unknown = arguments.iter().find(|name| !TASKS.iter().any(|(task, _)| task == name));
    assert_eq!(unknown, None, "no such task; --list lists them");
    for (name, prepare) in TASKS {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            measured(prepare());
        }
    }
}

/// Does the work. The instructions of this function are counted, with those of all that it calls.
#[inline(never)]
fn measured(work: Work) {
    work();
}

fn parse_settings() -> Work {
    Box::new(|| {
        black_box(settings(2));
    })
}

fn parse_event() -> Work {
    let detail = json!({"result": "SUCCESS", "repository-name": "team-a/app", "action-type": "PUSH",
                        "image-digest": digest(0).to_string(), "image-tag": "1.2.3-arm64",
                        "manifest-media-type": MediaType::OciManifest.as_str()})
    .to_string();
    Box::new(move || {
        let detail: ImageAction = serde_json::from_str(black_box(&detail)).unwrap();
        let (account, region) = (Some("123456789012".to_owned()), Some("eu-central-1".to_owned()));
        let input = Input::from_image_action(account, region, Some(SystemTime::UNIX_EPOCH), detail);
        assert!(matches!(input, Ok(Input::Push(_))));
    })
}

fn decide_waiting() -> Work {
    let mut registry = Registry::with_version(2);
    registry.manifests.remove(&tag("1.2.3-p1"));
    let request = request(2);
    Box::new(move || assert_eq!(registry.reconcile(request), OutcomeKind::Waiting))
}

fn decide_unchanged() -> Work {
    let mut registry = Registry::with_version(2);
    registry.reconcile(request(2));
    let request = request(2);
    Box::new(move || assert_eq!(registry.reconcile(request), OutcomeKind::Unchanged))
}

fn publish(platforms: usize) -> Work {
    let mut registry = Registry::with_version(platforms);
    let request = request(platforms);
    Box::new(move || assert_eq!(registry.reconcile(request), OutcomeKind::Published))
}

fn request(platforms: usize) -> ReconcileRequest {
    let settings = settings(platforms);
    let settings = settings.for_repository(&repository()).unwrap();
    ReconcileRequest::new(repository(), tag_of("1.2.3"), settings).unwrap()
}

/// Finds that the aliases of the highest release must move, in a repository with so many releases of two platforms.
fn plan_aliases(releases: usize) -> Work {
    let names = (0..releases).map(|release| format!("{}.{}.{}", release / 100, release / 10 % 10, release % 10));
    plan(&settings(2), names.collect(), 3)
}

/// The same of the builds of a trunk, which a regular expression orders.
fn plan_aliases_of_builds(builds: usize) -> Work {
    let streams = r#"[{"releases":"main-(?<build>\\d+)-[0-9a-f]{7,40}","aliases":"main,edge"}]"#;
    let names = (0..builds).map(|build| format!("main-{build}-{}", &digest(build).to_string()[7..14]));
    plan(&settings_with(2, Variable::Streams, streams), names.collect(), 2)
}

/// Finds that so many aliases of the last of these releases must move.
fn plan(settings: &Settings, names: Vec<String>, aliases: usize) -> Work {
    let settings = settings.for_repository(&repository()).unwrap().clone();
    let text =
        json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": entries()}).to_string();
    let list = ManifestList { media_type: MediaType::OciIndex, digest: Digest::sha256(&text), text };
    let image = |tag: String, digest, media_type: MediaType| {
        ScannedImage::new(&tag, digest, SystemTime::UNIX_EPOCH, media_type.as_str())
    };
    let mut images = Vec::new();
    let newest = names.len() - 1;
    for (release, name) in names.into_iter().enumerate() {
        let digest = if release == newest { list.digest } else { digest(release) };
        images.extend(["p0", "p1"].map(|part| image(format!("{name}-{part}"), digest, MediaType::OciManifest)));
        images.push(image(name, digest, MediaType::OciIndex));
    }
    let highest = tag_of(&images.last().unwrap().tags[0]);
    Box::new(move || {
        let release = settings.release(&highest).unwrap();
        let request = AliasRequest::for_release(repository(), release, &settings).with_list(&list);
        let scan = scan(&settings, black_box(&images));
        match ScanRepository::start(Arc::new(request)).resume(scan) {
            AliasStep::Put(put) => assert_eq!(put.writes().len(), aliases),
            other => panic!("{other:?}"),
        }
    })
}

/// The entries of a list of both configured platforms.
fn entries() -> Vec<serde_json::Value> {
    let entry = |architecture: &str| {
        json!({"mediaType": MediaType::OciManifest.as_str(), "size": 1, "digest": Digest::sha256(architecture).to_string(),
               "platform": {"os": "linux", "architecture": architecture}})
    };
    ["a0", "a1"].map(entry).to_vec()
}

/// Finds out what so many aliases name, each a list of no version and of a line with one release, up to the first writes.
fn judge_aliases(lines: usize) -> Work {
    let settings = settings(2);
    let settings = settings.for_repository(&repository()).unwrap().clone();
    let (mut images, mut manifests) = (Vec::new(), Manifests::default());
    for line in 0..lines {
        for tag in [format!("0.{line}.0"), format!("0.{line}")] {
            let list = stored(&json!({"manifests": entries(), "tag": tag}).to_string(), MediaType::OciIndex);
            images.push(ScannedImage::new(&tag, list.digest, SystemTime::UNIX_EPOCH, &list.media_type));
            manifests.insert(Reference::Tag(tag_of(&tag)), list);
        }
    }
    Box::new(move || {
        let request = AliasRequest::for_repository(repository(), &settings);
        let mut step = ScanRepository::start(Arc::new(request)).resume(scan(&settings, black_box(&images)));
        loop {
            step = match step {
                AliasStep::Scan(again) => again.resume(scan(&settings, &images)),
                AliasStep::Read(read) => {
                    let manifests = manifests.part(&read.references());
                    read.resume(manifests)
                }
                AliasStep::Put(_) => return,
                AliasStep::Done(end) => panic!("{end:?}"),
            }
        }
    })
}

fn scan(settings: &RepositorySettings, images: &[ScannedImage]) -> AliasScan {
    let mut scan = AliasScanBuilder::new(settings);
    for image in images {
        scan.add_image(image);
    }
    scan.finish().of_one_read()
}

/// What a registry holds of the version.
struct Registry {
    manifests: Manifests,
    configs: ImageConfigs,
}

impl Registry {
    /// All platforms of the version are there, and its list is not.
    fn with_version(platforms: usize) -> Self {
        let (mut manifests, mut configs) = (Manifests::default(), BTreeMap::new());
        for platform in 0..platforms {
            let config = json!({"os": "linux", "architecture": format!("a{platform}"),
                                "config": {"Labels": {"org.opencontainers.image.revision": "7c3f1e9"}},
                                "rootfs": {"type": "layers", "diff_ids": [digest(platform).to_string()]}})
            .to_string();
            let config_digest = Digest::sha256(&config);
            let manifest = json!({"schemaVersion": 2, "mediaType": MediaType::OciManifest.as_str(),
                                  "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                                             "digest": config_digest.to_string(), "size": config.len()},
                                  "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                                              "digest": digest(platform).to_string(), "size": 1_000}]});
            manifests.insert(tag(&format!("1.2.3-p{platform}")), stored(&manifest.to_string(), MediaType::OciManifest));
            configs.insert(config_digest, ImageConfig::parse(config_digest, config.as_bytes()));
        }
        Self { manifests, configs }
    }

    /// Reconciles the version, and returns the outcome.
    fn reconcile(&mut self, request: ReconcileRequest) -> OutcomeKind {
        let mut step = Step::start(Arc::new(request));
        loop {
            step = match step {
                Step::ReadManifests(read) => {
                    let found = |tag: Reference| self.manifests.get(&tag).cloned().map(|manifest| (tag, manifest));
                    let manifests = read.references().into_iter().filter_map(found).collect();
                    read.resume(manifests).unwrap()
                }
                Step::DescribeImages(describe) => {
                    let described = |reference: Reference| {
                        let digest = self.manifests.get(&reference)?.digest;
                        let pushed_at = SystemTime::UNIX_EPOCH;
                        Some((reference, Description { digest, pushed_at, is_archived: false }))
                    };
                    let descriptions = describe.references().into_iter().filter_map(described).collect();
                    describe.resume(descriptions).unwrap()
                }
                Step::ReadConfigs(read) => read.resume(&self.configs).unwrap(),
                Step::Put(put) => {
                    let list = put.manifest_list();
                    self.manifests.insert(tag("1.2.3"), stored(&list.text, list.media_type));
                    put.resume(PutResponse::Stored).unwrap()
                }
                Step::Done(end) => return end.outcome.kind(),
            };
        }
    }
}

/// The settings, with this number of platforms.
fn settings(platforms: usize) -> Settings {
    settings_with(platforms, Variable::Aliases, "{major}.{minor},{major},latest")
}

fn settings_with(platforms: usize, variable: Variable, value: &str) -> Settings {
    let platforms =
        (0..platforms).map(|platform| format!("linux/a{platform}=p{platform}")).collect::<Vec<_>>().join(",");
    let lookup = |name: &str| match name {
        _ if name == Variable::Platforms.name() => Some(platforms.clone()),
        _ if name == variable.name() => Some(value.to_owned()),
        _ => None,
    };
    Settings::from_lookup(lookup).unwrap()
}

fn repository() -> RepositoryName {
    "team-a/app".parse().unwrap()
}

fn tag_of(text: &str) -> Tag {
    text.parse().unwrap()
}

fn tag(text: &str) -> Reference {
    Reference::Tag(tag_of(text))
}

fn digest(number: usize) -> Digest {
    Digest::sha256(number.to_string())
}

fn stored(text: &str, media_type: MediaType) -> StoredManifest {
    StoredManifest { digest: Digest::sha256(text), media_type: media_type.to_string(), text: text.into() }
}
