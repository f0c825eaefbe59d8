//! Reads image configs, and keeps them while the execution environment is warm.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_ecr::Client;
use ecr_multiarch_core::error::Unavailable;
use ecr_multiarch_core::oci::image_config::{ImageConfig, MAX_CONFIG_BYTES};
use ecr_multiarch_core::oci::invalid_image::Corruption;
use ecr_multiarch_core::reconcile::observation::{ConfigResult, ImageConfigs};
use ecr_multiarch_core::{Digest, Error, IamAction, Reference, RepositoryName};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{MAX_PARALLEL_CALLS, Registry, error, image};
use crate::blob::BlobError;

/// How many configs are kept: with [`MAX_TEXT_BYTES`] each, 2 MiB at most.
const MAX_CONFIGS: usize = 4_096;
/// How much text a config may have that is kept. Real ones have some 50 bytes.
const MAX_TEXT_BYTES: usize = 512;
const _: () = assert!(MAX_CONFIGS * MAX_TEXT_BYTES <= 2 << 20, "the assembler has 128 MB for everything");

/// Configs by digest. Their content never changes, so no entry expires.
#[derive(Debug, Default)]
pub(super) struct ConfigCache(Mutex<Generations>);

/// Two halves of the cache. When the newer one is full, it replaces the older one, so that what was used lately stays.
#[derive(Debug, Default)]
struct Generations {
    newer: HashMap<Digest, ImageConfig>,
    older: HashMap<Digest, ImageConfig>,
}

impl Generations {
    fn insert(&mut self, digest: Digest, config: ImageConfig) {
        if self.newer.len() >= MAX_CONFIGS / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(digest, config);
    }
}

impl ConfigCache {
    /// The config with this digest, if it was read before.
    pub(super) fn get(&self, digest: &Digest) -> Option<ImageConfig> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = generations.newer.get(digest) {
            return Some(config.clone());
        }
        let config = generations.older.remove(digest)?;
        generations.insert(*digest, config.clone());
        Some(config)
    }

    /// Adds a config. If the cache is full, the least recently used configs are dropped.
    pub(super) fn insert(&self, digest: Digest, config: &ImageConfig) {
        let platform = &config.platform;
        let texts = [&platform.os, &platform.architecture, &platform.variant, &platform.os_version];
        let text_bytes: usize = texts.into_iter().chain(&config.revision).map(String::len).sum();
        if text_bytes > MAX_TEXT_BYTES {
            return;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, config.clone());
    }
}

impl Registry {
    /// Reads configs in parallel. Those in the cache are not read again.
    ///
    /// # Errors
    /// Every error of ECR and of its blob store. Why a config is invalid is in the result.
    pub async fn get_configs(&self, repository: &RepositoryName, digests: &[Digest]) -> Result<ImageConfigs, Error> {
        let read = digests.iter().map(async |digest| Ok((*digest, self.get_config(repository, *digest).await?)));
        stream::iter(read).buffer_unordered(MAX_PARALLEL_CALLS).try_collect().await
    }

    async fn get_config(&self, repository: &RepositoryName, digest: Digest) -> Result<ConfigResult, Error> {
        if let Some(config) = self.shared.configs.get(&digest) {
            return Ok(Ok(config));
        }
        let resource = || image(repository, Reference::Digest(digest));
        let action = IamAction::GetDownloadUrlForLayer;
        let unavailable = |message: &str| Error::RegistryUnavailable {
            action,
            resource: resource(),
            message: message.into(),
            unavailable: Unavailable::Image,
        };
        let send = async |client: &Client| {
            client
                .get_download_url_for_layer()
                .set_registry_id(self.account())
                .repository_name(repository.as_str())
                .layer_digest(digest.to_string())
                .send()
                .await
        };
        let output = self.call_on(action, resource, send).await?;
        let url = output.download_url.ok_or_else(|| unavailable("the response has no URL"))?;
        let bytes = match self.shared.blobs.get(&url, MAX_CONFIG_BYTES).await {
            Ok(bytes) => bytes,
            Err(BlobError::TooLarge) => return Ok(Err(Corruption::TooLarge { max: MAX_CONFIG_BYTES }.into())),
            Err(error) => return Err(error::classify_blob_error(resource(), &error)),
        };
        let config = ImageConfig::parse(digest, &bytes);
        if let Ok(config) = &config {
            self.shared.configs.insert(digest, config);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use ecr_multiarch_core::oci::platform::Platform;

    use super::*;

    fn config(revision: usize) -> (Digest, ImageConfig) {
        let revision = revision.to_string();
        (Digest::sha256(&revision), ImageConfig { platform: Platform::default(), revision: Some(revision) })
    }

    #[test]
    fn full_cache_keeps_what_was_used_lately() {
        let cache = ConfigCache::default();
        let (used, its_config) = config(0);
        for revision in 0..10 * MAX_CONFIGS {
            let (digest, config) = config(revision);
            cache.insert(digest, &config);
            assert_eq!(cache.get(&used).as_ref(), Some(&its_config), "{revision}");
            let generations = cache.0.lock().unwrap();
            assert!(generations.newer.len() + generations.older.len() <= MAX_CONFIGS);
        }
    }

    #[test]
    fn more_configs_than_fit_do_not_empty_the_cache() {
        let cache = ConfigCache::default();
        for revision in 0..=MAX_CONFIGS {
            let (digest, config) = config(revision);
            cache.insert(digest, &config);
        }
        let kept = (0..=MAX_CONFIGS).filter(|revision| cache.get(&config(*revision).0).is_some()).count();
        assert!(kept >= MAX_CONFIGS / 2, "{kept}");
    }

    #[test]
    fn config_with_much_text_is_not_kept() {
        let cache = ConfigCache::default();
        for (length, is_kept) in [(MAX_TEXT_BYTES, true), (MAX_TEXT_BYTES + 1, false)] {
            let (digest, config) = config(0);
            cache.insert(digest, &ImageConfig { revision: Some("a".repeat(length)), ..config });
            assert_eq!(cache.get(&digest).is_some(), is_kept, "{length}");
            *cache.0.lock().unwrap() = Generations::default();
        }
    }
}
