//! A cache of configs, kept while the execution environment is warm.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ecr_multiarch_core::Digest;
use ecr_multiarch_core::oci::image_config::ImageConfig;

/// How many configs are kept: with [`MAX_TEXT_BYTES`] each, 2 MiB at most.
const MAX_CONFIGS: usize = 4_096;
/// How much text a config may have that is kept. Real ones have some 50 bytes.
const MAX_TEXT_BYTES: usize = 512;
const _: () = assert!(MAX_CONFIGS * MAX_TEXT_BYTES <= 2 << 20, "the assembler has 128 MB for everything");

/// Configs by digest. Their content never changes, so no entry expires.
#[derive(Debug, Default)]
pub(super) struct ConfigCache(Mutex<HashMap<Digest, ImageConfig>>);

impl ConfigCache {
    /// The config with this digest, if it was read before.
    pub(super) fn get(&self, digest: &Digest) -> Option<ImageConfig> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Adds a config. A full cache is emptied first, so that its size is bounded.
    pub(super) fn insert(&self, digest: Digest, config: &ImageConfig) {
        let platform = &config.platform;
        let texts = [&platform.os, &platform.architecture, &platform.variant, &platform.os_version];
        let text_bytes: usize = texts.into_iter().chain(&config.revision).map(String::len).sum();
        if text_bytes > MAX_TEXT_BYTES {
            return;
        }
        let mut configs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if configs.len() >= MAX_CONFIGS {
            configs.clear();
        }
        configs.insert(digest, config.clone());
    }
}
