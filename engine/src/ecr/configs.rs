//! Reads image configs, and keeps them while the execution environment is warm.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_ecr::Client;
use ecr_multiarch_core::error::Unavailable;
use ecr_multiarch_core::oci::image_config::{ImageConfig, MAX_CONFIG_BYTES};
use ecr_multiarch_core::oci::invalid_image::{Corruption, InvalidImage};
use ecr_multiarch_core::reconcile::observation::{ConfigResult, ImageConfigs};
use ecr_multiarch_core::{Digest, Error, IamAction, Reference, RegistryId, RepositoryName};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::{MAX_PARALLEL_CALLS, Registry, error, image};
use crate::blob::BlobError;

/// How many configs are kept. Each has less than 2 KiB without its labels, so they have 8 MiB at most, and less than 1 MiB
/// usually.
const MAX_CONFIGS: usize = 4_096;
/// How many bytes the labels of all configs have that are kept: 2 KiB each.
const MAX_LABEL_BYTES: usize = 8 << 20;
/// How many KiB of configs are read at a time, by all versions of all repositories: two of the largest, and any number of
/// usual ones, which have kilobytes. The assembler has a fourteenth of a processor, which takes more than a second for one
/// of the largest: more of them would slow each other down until their attempts time out.
const MAX_KIB_IN_FLIGHT: u32 = 8 << 10;

/// A config that was read, or is being read.
type ConfigCell = Arc<OnceCell<ConfigResult>>;

/// Configs by digest, valid or not. Their content never changes, so no entry expires. Who asks for one that is being read
/// waits for it.
#[derive(Debug)]
pub(super) struct ConfigCache {
    generations: Mutex<Generations>,
    /// What was read in this invocation, and was not the config that a manifest states.
    corrupt: Mutex<HashMap<Stated, Corruption>>,
    kib_in_flight: Semaphore,
}

/// A config as a manifest states it: where it is, its digest and its size. Another repository may have the right bytes.
type Stated = (RegistryId, RepositoryName, Digest, u64);

/// Why nothing is kept of a read beyond the invocation: it does not tell what the config is.
#[derive(Debug)]
enum NotKept {
    /// The bytes are not those of the config.
    Corrupt(Corruption),
    /// There are none.
    Unread(Error),
}

impl From<Error> for NotKept {
    fn from(error: Error) -> Self {
        Self::Unread(error)
    }
}

/// Two halves of the cache. When the newer one is full, it replaces the older one, so that what was used lately stays.
#[derive(Debug, Default)]
struct Generations {
    newer: HashMap<Digest, ConfigCell>,
    older: HashMap<Digest, ConfigCell>,
    /// How many bytes the labels of the newer one have.
    label_bytes: usize,
}

impl Generations {
    /// Makes room for a config, or for the labels of one.
    fn make_room(&mut self, label_bytes: usize) {
        if self.newer.len() >= MAX_CONFIGS / 2 || self.label_bytes + label_bytes > MAX_LABEL_BYTES / 2 {
            self.older = std::mem::take(&mut self.newer);
            self.label_bytes = 0;
        }
        self.label_bytes += label_bytes;
    }
}

impl Default for ConfigCache {
    fn default() -> Self {
        let (generations, corrupt) = (Mutex::default(), Mutex::default());
        Self { generations, corrupt, kib_in_flight: Semaphore::new(MAX_KIB_IN_FLIGHT as usize) }
    }
}

fn label_bytes(config: &ConfigResult) -> usize {
    config.as_ref().map_or(0, |config| config.labels.bytes())
}

impl ConfigCache {
    /// The config with this digest, which may not have been read yet.
    fn cell(&self, digest: Digest) -> ConfigCell {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = generations.newer.get(&digest) {
            return Arc::clone(cell);
        }
        let cell = generations.older.remove(&digest).unwrap_or_default();
        generations.make_room(cell.get().map_or(0, label_bytes));
        generations.newer.insert(digest, Arc::clone(&cell));
        cell
    }

    /// Makes room for the labels of a config that was read.
    fn add_labels(&self, config: &ConfigResult) {
        let bytes = label_bytes(config);
        if bytes > 0 {
            self.generations.lock().unwrap_or_else(PoisonError::into_inner).make_room(bytes);
        }
    }

    fn corrupt(&self) -> MutexGuard<'_, HashMap<Stated, Corruption>> {
        self.corrupt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was read instead of a config, so that it is not read again in this invocation.
    fn add_corrupt(&self, stated: Stated, corruption: &Corruption) {
        let mut corrupt = self.corrupt();
        if corrupt.len() < MAX_CONFIGS {
            corrupt.insert(stated, corruption.clone());
        }
    }

    /// Forgets what was not a config, since another invocation may find the right bytes.
    pub(super) fn forget_corrupt(&self) {
        self.corrupt().clear();
    }

    /// Waits until so many bytes may be read.
    async fn permit(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(MAX_KIB_IN_FLIGHT);
        self.kib_in_flight.acquire_many(kib.clamp(1, MAX_KIB_IN_FLIGHT)).await.ok()
    }
}

impl Registry {
    /// Reads configs in parallel, each of the size that its manifest states. Those that were read before are not read
    /// again.
    ///
    /// # Errors
    /// Every error of ECR and of its blob store. Why a config is invalid is in the result.
    pub async fn get_configs(
        &self,
        repository: &RepositoryName,
        configs: &[(Digest, u64)],
    ) -> Result<ImageConfigs, Error> {
        let read = configs.iter().map(async |(digest, size)| {
            let cell = self.shared.configs.cell(*digest);
            let config = cell.get_or_try_init(|| self.read_config(repository, *digest, *size)).await;
            match config.cloned() {
                Ok(config) => Ok((*digest, config)),
                Err(NotKept::Corrupt(corruption)) => {
                    let stated = (self.id.clone(), repository.clone(), *digest, *size);
                    self.shared.configs.add_corrupt(stated, &corruption);
                    Ok((*digest, Err(corruption.into())))
                }
                Err(NotKept::Unread(error)) => Err(error),
            }
        });
        stream::iter(read).buffer_unordered(MAX_PARALLEL_CALLS).try_collect().await
    }

    async fn read_config(
        &self,
        repository: &RepositoryName,
        digest: Digest,
        size: u64,
    ) -> Result<ConfigResult, NotKept> {
        let stated = (self.id.clone(), repository.clone(), digest, size);
        if let Some(corruption) = self.shared.configs.corrupt().get(&stated) {
            return Err(NotKept::Corrupt(corruption.clone()));
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
        // Clients refuse a config of another size than its manifest states.
        let max = size.min(MAX_CONFIG_BYTES);
        let _permit = self.shared.configs.permit(max).await;
        let bytes = match self.shared.blobs.get(&url, max).await {
            Ok(bytes) => bytes,
            Err(BlobError::TooLarge) => return Err(NotKept::Corrupt(Corruption::TooLarge { max })),
            Err(error) => return Err(error::classify_blob_error(resource(), &error).into()),
        };
        match ImageConfig::parse(digest, &bytes) {
            Err(InvalidImage::Corrupt(corruption @ Corruption::Digest { .. })) => Err(NotKept::Corrupt(corruption)),
            config => {
                // Only what the lists of any repository take over, since all share the configs.
                let config = config.map(|config| config.with_labels(self.labels.iter().map(String::as_str)));
                self.shared.configs.add_labels(&config);
                Ok(config)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        Digest::sha256(number.to_string())
    }

    #[test]
    fn full_cache_keeps_what_was_used_lately() {
        let cache = ConfigCache::default();
        let used = cache.cell(digest(0));
        for number in 1..10 * MAX_CONFIGS {
            cache.cell(digest(number));
            assert!(Arc::ptr_eq(&cache.cell(digest(0)), &used), "{number}");
            let generations = cache.generations.lock().unwrap();
            assert!(generations.newer.len() + generations.older.len() <= MAX_CONFIGS);
        }
    }

    #[test]
    fn more_configs_than_fit_do_not_empty_the_cache() {
        let cache = ConfigCache::default();
        let cells: Vec<_> = (0..=MAX_CONFIGS).map(|number| cache.cell(digest(number))).collect();
        let is_kept = |(number, cell): (usize, &ConfigCell)| Arc::ptr_eq(&cache.cell(digest(number)), cell);
        let kept = cells.iter().enumerate().rev().filter(|kept| is_kept(*kept)).count();
        assert!(kept >= MAX_CONFIGS / 2, "{kept}");
    }

    #[test]
    fn labels_that_are_kept_have_a_bounded_size() {
        let cache = ConfigCache::default();
        let value = "x".repeat(1_000);
        for number in 0..MAX_CONFIGS {
            let labels: Vec<_> = (0..10).map(|label| format!(r#""{label}":"{value}""#)).collect();
            let text = format!(
                r#"{{"os":"linux","architecture":"amd64","n":{number},"config":{{"Labels":{{{}}}}}}}"#,
                labels.join(",")
            );
            let cell = cache.cell(digest(number));
            let config = ImageConfig::parse(Digest::sha256(&text), text.as_bytes());
            cache.add_labels(&config);
            cell.set(config).unwrap();
            // Found in the older half, it moves to the newer one with its labels.
            cache.cell(digest(number / 2));
            if number % 64 != 0 {
                continue;
            }
            let generations = cache.generations.lock().unwrap();
            let kept = generations.newer.values().chain(generations.older.values());
            let bytes: usize = kept.filter_map(|cell| cell.get()).map(label_bytes).sum();
            assert!(bytes <= MAX_LABEL_BYTES + (1 << 20), "{bytes} bytes after {number}");
        }
    }
}
