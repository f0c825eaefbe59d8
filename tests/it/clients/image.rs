//! Images with real layers, as folders that skopeo reads.

use std::fs;
use std::path::Path;
use std::process::Command;

use local_ecr::digest_of;
use local_ecr::media_type::{
    DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST,
};
use serde_json::{Value, json};

use super::program::run;

/// An image or an index with all its blobs and children.
pub struct Image {
    pub media_type: &'static str,
    pub manifest: Vec<u8>,
    pub blobs: Vec<Vec<u8>>,
    pub children: Vec<Image>,
}

impl Image {
    pub fn docker(platform: &str) -> Self {
        Self::new(platform, [DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER])
    }

    pub fn oci(platform: &str) -> Self {
        Self::new(platform, [OCI_MANIFEST, OCI_CONFIG, OCI_LAYER])
    }

    /// What `docker buildx build` pushes by default: an index of an image and its provenance.
    pub fn attested(platform: &str) -> Self {
        let image = Self::oci(platform);
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": [{"name": platform}]});
        let statement = statement.to_string().into_bytes();
        let config = json!({
            "architecture": "unknown", "os": "unknown", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(&statement)]},
        });
        let layer = &descriptor("application/vnd.in-toto+json", &statement);
        let attestation = Self::of(OCI_MANIFEST, OCI_CONFIG, &config, layer, statement);
        let (os, architecture) = platform.split_once('/').unwrap();
        let mut entries = [descriptor(OCI_MANIFEST, &image.manifest), descriptor(OCI_MANIFEST, &attestation.manifest)];
        entries[0]["platform"] = json!({"os": os, "architecture": architecture});
        entries[1]["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        entries[1]["annotations"] = json!({
            "vnd.docker.reference.digest": image.digest(), "vnd.docker.reference.type": "attestation-manifest",
        });
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        Self {
            media_type: OCI_INDEX,
            manifest: index.to_string().into_bytes(),
            blobs: Vec::new(),
            children: vec![image, attestation],
        }
    }

    /// What `docker buildx build --platform` pushes: one index of several images, each followed by its provenance.
    pub fn list(attested: [Self; 2]) -> Self {
        let mut entries = Vec::new();
        let mut children = Vec::new();
        for index in attested {
            let document: Value = serde_json::from_slice(&index.manifest).unwrap();
            entries.extend(document["manifests"].as_array().unwrap().clone());
            children.extend(index.children);
        }
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        Self { media_type: OCI_INDEX, manifest: index.to_string().into_bytes(), blobs: Vec::new(), children }
    }

    fn new(platform: &str, [media_type, config_type, layer_type]: [&'static str; 3]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("platform"), platform).unwrap();
        let tar = Command::new("tar")
            .args([
                "--create",
                "--file=layer.tar",
                "--mtime=@0",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
                "platform",
            ])
            .current_dir(folder.path())
            .status();
        assert!(tar.unwrap().success());
        let tar = fs::read(folder.path().join("layer.tar")).unwrap();
        let layer = run(Command::new("gzip").args(["-nc", "layer.tar"]).current_dir(folder.path()));

        let mut parts = platform.split('/');
        let mut config = json!({
            "os": parts.next(), "architecture": parts.next(), "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(&tar)]},
        });
        if let Some(variant) = parts.next() {
            config["variant"] = variant.into();
        }
        Self::of(media_type, config_type, &config, &descriptor(layer_type, &layer), layer)
    }

    fn of(media_type: &'static str, config_type: &str, config: &Value, layer: &Value, blob: Vec<u8>) -> Self {
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type,
            "config": descriptor(config_type, &config), "layers": [layer],
        });
        Self {
            media_type,
            manifest: manifest.to_string().into_bytes(),
            blobs: vec![config, blob],
            children: Vec::new(),
        }
    }

    pub fn digest(&self) -> String {
        digest_of(&self.manifest)
    }

    /// Writes the image to a folder: an OCI layout or, for Docker's types, skopeo's own format. Returns the name of the
    /// folder for skopeo.
    pub fn write_to(&self, folder: &Path) -> String {
        if self.media_type == DOCKER_MANIFEST {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join("version"), "Directory Transport Version: 1.1\n").unwrap();
            fs::write(folder.join("manifest.json"), &self.manifest).unwrap();
            for blob in &self.blobs {
                fs::write(folder.join(hex(&digest_of(blob))), blob).unwrap();
            }
            return format!("dir:{}", folder.display());
        }
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        self.write_blobs(&blobs);
        let index = json!({"schemaVersion": 2, "manifests": [descriptor(self.media_type, &self.manifest)]});
        fs::write(folder.join("index.json"), index.to_string()).unwrap();
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        format!("oci:{}", folder.display())
    }

    fn write_blobs(&self, folder: &Path) {
        for blob in self.blobs.iter().chain([&self.manifest]) {
            fs::write(folder.join(hex(&digest_of(blob))), blob).unwrap();
        }
        for child in &self.children {
            child.write_blobs(folder);
        }
    }

    /// Asserts that a folder in skopeo's own format has the bytes of this image.
    #[track_caller]
    pub fn assert_in(&self, folder: &Path) {
        assert_eq!(fs::read(folder.join("manifest.json")).unwrap(), self.manifest);
        for blob in &self.blobs {
            assert_eq!(&fs::read(folder.join(hex(&digest_of(blob)))).unwrap(), blob);
        }
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len()})
}

fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap()
}
