//! Scans of one repository, built tag by tag.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use ecr_multiarch_audit::audit::Audit;
use ecr_multiarch_audit::finding::RequestTarget;
use ecr_multiarch_audit::image::Image;
use ecr_multiarch_audit::reading::Reading;
use ecr_multiarch_audit::report::Report;
use ecr_multiarch_audit::scan::{RepositoryScan, TagMutability};
use ecr_multiarch_core::oci::image_config::ImageConfig;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::{Digest, RegistryId};
use serde_json::{Value, json};

pub const DAY: Duration = Duration::from_hours(24);

/// 1 January 2026, since 1970.
const START: Duration = Duration::from_hours(20_454 * 24);

/// A time so many days later.
pub fn at(days: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + START + DAY * days
}

/// A repository, with the bytes of its manifests and configs where a deep audit reads them.
#[derive(Debug, Default)]
pub struct Scan {
    images: Vec<Image>,
    manifests: BTreeMap<Digest, String>,
    configs: BTreeMap<Digest, String>,
    is_read: bool,
    mutability: TagMutability,
}

/// The config of an image, with a revision if it is not empty.
pub fn config(architecture: &str, revision: &str) -> String {
    let labels = json!({"org.opencontainers.image.revision": revision});
    json!({"os": "linux", "architecture": architecture, "config": {"Labels": labels}}).to_string()
}

/// The config of an image of Windows.
pub fn windows_config(os_version: &str) -> String {
    json!({"os": "windows", "os.version": os_version, "architecture": "amd64"}).to_string()
}

/// An entry of a list: the tag of the image, and the platform that the list states.
pub type Entry = (String, Value);

/// An entry of Linux.
pub fn entry(tag: &str, architecture: &str) -> Entry {
    (tag.to_owned(), json!({"os": "linux", "architecture": architecture}))
}

/// An entry of Windows.
pub fn windows_entry(tag: &str, os_version: &str) -> Entry {
    (tag.to_owned(), json!({"os": "windows", "os.version": os_version, "architecture": "amd64"}))
}

impl Scan {
    pub fn new() -> Self {
        Self::default()
    }

    fn push(mut self, tags: &str, day: u32, media_type: MediaType, digest: Digest) -> Self {
        let tags: Vec<_> = tags.split(' ').map(str::to_owned).collect();
        for image in &mut self.images {
            image.tags.retain(|tag| !tags.contains(tag));
        }
        let media_type = media_type.to_string();
        let artifact_media_type = String::new();
        self.images.push(Image {
            digest,
            tags,
            pushed_at: at(day),
            media_type,
            artifact_media_type,
            is_archived: false,
        });
        self
    }

    /// An image for each part, under platform tags.
    pub fn images(mut self, version: &str, day: u32, parts: &[&str]) -> Self {
        for part in parts {
            self = self.image(&format!("{version}-{part}"), day);
        }
        self
    }

    /// An image of its own.
    pub fn image(self, tags: &str, day: u32) -> Self {
        let digest = Digest::sha256(format!("image {tags} {day}"));
        self.push(tags, day, MediaType::OciManifest, digest)
    }

    /// Lists, each with its tags.
    pub fn lists(mut self, lists: &[(&str, u32)]) -> Self {
        for (tags, day) in lists {
            let digest = Digest::sha256(format!("list {tags} {day}"));
            self = self.push(tags, *day, MediaType::OciIndex, digest);
        }
        self
    }

    /// An image with this config.
    pub fn config_image(mut self, tag: &str, day: u32, config: &str) -> Self {
        let digest = Digest::sha256(config);
        let descriptor = json!({
            "mediaType": "application/vnd.oci.image.config.v1+json", "size": config.len(), "digest": digest
        });
        self.configs.insert(digest, config.to_owned());
        self.raw(tag, day, &json!({"config": descriptor, "annotations": {"tag": tag}}).to_string())
    }

    /// The images of a version on amd64 and arm64, built from this revision.
    pub fn built(self, version: &str, day: u32, revision: &str) -> Self {
        let image = |scan: Self, part| scan.config_image(&format!("{version}-{part}"), day, &config(part, revision));
        ["amd64", "arm64"].into_iter().fold(self, image)
    }

    /// The list of the images that a version has on amd64 and arm64.
    pub fn listed(self, version: &str, day: u32) -> Self {
        let entries = ["amd64", "arm64"].map(|part| entry(&format!("{version}-{part}"), part));
        self.list(version, day, &entries)
    }

    /// A list of images that have these tags now.
    pub fn list(self, tag: &str, day: u32, entries: &[Entry]) -> Self {
        let entries: Vec<_> = entries.iter().map(|(image, platform)| self.descriptor(image, platform)).collect();
        self.index(tag, day, &json!({ "manifests": entries }).to_string())
    }

    /// The entry of an image that has this tag now.
    pub fn descriptor(&self, image: &str, platform: &Value) -> Value {
        let digest = self.digest(image);
        let size = self.manifests.get(&digest).map_or(1, String::len);
        json!({"mediaType": MediaType::OciManifest, "size": size, "digest": digest, "platform": platform})
    }

    /// An index of these bytes.
    pub fn index(mut self, tag: &str, day: u32, text: &str) -> Self {
        let digest = Digest::sha256(text);
        self.manifests.insert(digest, text.to_owned());
        self.push(tag, day, MediaType::OciIndex, digest)
    }

    /// An image with this manifest.
    pub fn raw(mut self, tag: &str, day: u32, text: &str) -> Self {
        let digest = Digest::sha256(text);
        self.manifests.insert(digest, text.to_owned());
        self.push(tag, day, MediaType::OciManifest, digest)
    }

    fn position(&self, tag: &str) -> usize {
        self.images.iter().position(|image| image.tags.iter().any(|found| found == tag)).unwrap()
    }

    fn digest(&self, tag: &str) -> Digest {
        self.images[self.position(tag)].digest
    }

    /// Adds tags, separated by spaces, to the image of a tag. They move from where they were.
    pub fn alias(mut self, of: &str, tags: &str) -> Self {
        let tags: Vec<_> = tags.split_whitespace().map(str::to_owned).collect();
        for image in &mut self.images {
            image.tags.retain(|tag| !tags.contains(tag));
        }
        let position = self.position(of);
        self.images[position].tags.extend(tags);
        self
    }

    /// Pushes the image of a tag so many seconds later.
    pub fn later(mut self, tag: &str, seconds: u64) -> Self {
        let position = self.position(tag);
        self.images[position].pushed_at += Duration::from_secs(seconds);
        self
    }

    pub fn untag(mut self, tag: &str) -> Self {
        let position = self.position(tag);
        self.images[position].tags.clear();
        self
    }

    pub fn delete(mut self, tag: &str) -> Self {
        let position = self.position(tag);
        self.images.remove(position);
        self
    }

    /// Makes the image of a tag an artifact of this type, by what ECR states.
    pub fn artifact(mut self, tag: &str, media_type: &str) -> Self {
        let position = self.position(tag);
        media_type.clone_into(&mut self.images[position].artifact_media_type);
        self
    }

    /// Makes all tags immutable that no filter excludes.
    pub fn immutable(self, exclusions: &[&str]) -> Self {
        let exclusions = exclusions.iter().map(|filter| (*filter).to_owned()).collect();
        Self { mutability: TagMutability { are_immutable: true, exclusions }, ..self }
    }

    pub fn archive(mut self, tag: &str) -> Self {
        let position = self.position(tag);
        self.images[position].is_archived = true;
        self
    }

    /// Keeps the manifest of a tag from being read.
    pub fn refuse(mut self, tag: &str) -> Self {
        let digest = self.digest(tag);
        self.manifests.remove(&digest);
        self
    }

    /// Makes the audit a deep one.
    pub fn read(mut self) -> Self {
        self.is_read = true;
        self
    }

    fn reading(&self) -> Reading {
        let mut reading = Reading::default();
        let add = |reading: &mut Reading, digests: Vec<Digest>| {
            for digest in digests {
                let image = self.images.iter().find(|image| image.digest == digest).unwrap();
                if let Some(text) = self.manifests.get(&digest) {
                    let (media_type, text) = (image.media_type.clone(), text.as_str().into());
                    reading.add_manifest(StoredManifest { digest, media_type, text });
                }
            }
        };
        let tagged = Reading::of_tags(&self.images);
        add(&mut reading, tagged);
        let entries = reading.of_entries(&self.images);
        add(&mut reading, entries);
        let parse = |(digest, _): (Digest, u64)| (digest, ImageConfig::parse(digest, self.configs[&digest].as_bytes()));
        reading.add_configs(reading.of_configs().into_iter().map(parse).collect());
        reading
    }

    /// The report, as its JSON.
    pub fn report(&self) -> Value {
        self.report_at(at(100))
    }

    /// The first finding, as its JSON.
    pub fn finding(&self) -> Value {
        self.report()["findings"][0].clone()
    }

    pub fn report_at(&self, now: SystemTime) -> Value {
        serde_json::to_value(report(&[("app", self)], now)).unwrap()
    }

    fn scan(&self, name: &str) -> RepositoryScan {
        RepositoryScan {
            name: name.parse().unwrap(),
            mutability: Some(self.mutability.clone()),
            images: self.images.clone(),
            reading: self.is_read.then(|| self.reading()),
        }
    }

    /// Compares the findings, each as its kind, tag and message.
    #[track_caller]
    pub fn check(&self, expected: &[&str]) {
        let report = self.report();
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
        let found: Vec<_> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| format!("{} {}: {}", text(finding, "kind"), text(finding, "tag"), text(finding, "message")))
            .collect();
        assert_eq!(found, expected);
    }
}

/// The report of these repositories.
pub fn report(repositories: &[(&str, &Scan)], now: SystemTime) -> Report {
    let registry = RegistryId { account: None, region: "eu-central-1".parse().unwrap() };
    let is_deep = repositories.iter().any(|(_, scan)| scan.is_read);
    let mut audit = Audit::new(registry, RequestTarget::default(), now, is_deep);
    for (name, scan) in repositories {
        audit.add(&scan.scan(name));
    }
    audit.finish()
}
