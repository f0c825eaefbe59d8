//! Repositories of realistic size.

use crate::error::ApiError;
use crate::image::{Image, ToArtifact as _};
use crate::manifest::Manifest;
use crate::repository::Repository;
use std::time::SystemTime;

/// Fills a repository, for [`RegistryHandle::fill`](crate::RegistryHandle::fill).
pub(crate) fn fill(
    repository: &mut Repository,
    versions: usize,
    platforms: &[&str],
    now: SystemTime,
) -> Result<(), ApiError> {
    for version in 0..versions {
        for platform in platforms {
            let image = Image::docker(platform).revision(&version.to_string());
            let artifact = image.to_artifact();
            let digest = artifact.digest();
            let manifest = Manifest::parse(&artifact.manifest, None)?;
            for blob in artifact.blobs {
                repository.blobs.insert(blob);
            }
            repository.insert_image(&digest, artifact.manifest, manifest, now);
            let tag_part: String = platform.split('/').skip(1).collect();
            repository.set_tag(&format!("1.0.{version}-{tag_part}"), &digest);
        }
    }
    Ok(())
}
