//! Repositories of realistic size.

use crate::image::{Content, Image};
use crate::manifest::Manifest;
use crate::registry::Registry;
use crate::{ApiError, digest_of};

impl Registry {
    /// Fills a repository with versions `1.0.0`, `1.0.1`, … of Docker images that share one layer,
    /// each version one image per platform (`os/architecture[/variant]`) under a tag such as
    /// `1.0.0-arm64` or `1.0.0-armv7`. Much quicker than pushes, and without their events.
    ///
    /// # Errors
    /// Where a platform makes an image that ECR would refuse.
    pub fn fill(&self, repository: &str, versions: usize, platforms: &[&str]) -> Result<(), ApiError> {
        let now = self.ecr.clock().now();
        self.with(repository, |repository| {
            for version in 0..versions {
                for platform in platforms {
                    let image = Image::docker(platform).revision(&version.to_string());
                    let artifact = image.artifact();
                    let digest = artifact.digest();
                    let manifest = Manifest::read(&artifact.manifest, None)?;
                    for blob in artifact.blobs {
                        repository.blobs.entry(digest_of(&blob)).or_insert(blob);
                    }
                    repository.insert(&digest, artifact.manifest, manifest, now);
                    let part: String = platform.split('/').skip(1).collect();
                    repository.point(&format!("1.0.{version}-{part}"), &digest);
                }
            }
            Ok(())
        })
    }
}
