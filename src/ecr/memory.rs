//! What was learnt of configs, for as long as the environment is warm.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::config::ImageConfig;
use crate::digest::Digest;

/// How many configs are remembered.
const MAX_CONFIGS: usize = 4_096;
/// How much text of a config is remembered; no honest one comes near.
const MAX_TEXT_BYTES: usize = 512;

/// Configs by digest. They never change, so none is ever out of date.
#[derive(Debug, Default)]
pub(super) struct ConfigMemory(Mutex<HashMap<Digest, ImageConfig>>);

impl ConfigMemory {
    /// The config with this digest, where it was read before.
    pub(super) fn get(&self, digest: &Digest) -> Option<ImageConfig> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Keeps a config. A full memory starts anew, so that it stays small whatever comes.
    pub(super) fn remember(&self, digest: Digest, config: &ImageConfig) {
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
