//! A small, strict model of Amazon ECR on loopback, for tests, benches and demonstrations.
//!
//! It stands where ECR stands: a real SDK talks to it over HTTP, and it refuses what ECR refuses, in
//! ECR's words. Beside the API it serves the presigned URLs that the API hands out, emits the events
//! that ECR sends to EventBridge, keeps a journal of every call, and fails on demand.
//!
//! # Layout
//! - [`LocalEcr`]: the server; [`Options`] set it up.
//! - [`Registry`]: one account's registry in one Region, read and changed in-process.
//! - [`image`]: images and lists to push, with deterministic bytes.
//! - [`Fault`]: what goes wrong, and when; [`Call`]: what was asked, and what came of it.
//!
//! ```
//! use local_ecr::{LocalEcr, Options, image::Image};
//!
//! let ecr = LocalEcr::start(Options::default())?;
//! let digest = ecr.home().push("app", Some("1.2.3-arm64"), &Image::oci("linux/arm64"));
//! assert_eq!(ecr.home().tag("app", "1.2.3-arm64"), Some(digest));
//! # std::io::Result::Ok(())
//! ```

mod api;
mod blob;
mod body;
mod bulk;
mod clock;
mod convert;
mod digest;
mod distribution;
mod door;
mod ecr;
mod error;
mod event;
mod fault;
pub mod image;
mod journal;
mod manifest;
pub mod media_type;
mod mutability;
mod options;
mod persistence;
mod push;

mod registry;
mod registry_id;
mod reply;
mod repository;
mod server;
mod token;
mod uuid;
mod visibility;
mod world;

pub use clock::Clock;
pub use digest::digest_of;
pub use ecr::LocalEcr;
pub use error::ApiError;
pub use fault::{ANY, BLOB, Fault, FaultKind, Faults};
pub use journal::{Call, CallInfo};
pub use mutability::Mutability;
pub use options::Options;
pub use push::Repush;
pub use registry::Registry;
pub use registry_id::RegistryId;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a hook of a test has panicked: what is behind the locks stays whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
