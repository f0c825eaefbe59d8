//! A small, strict model of Amazon ECR on loopback, for tests, benches and demonstrations.
//!
//! It takes the place of ECR: a real SDK talks to it over HTTP, and it rejects what ECR rejects, with
//! ECR's exceptions and messages. It also serves the presigned URLs that the API returns and the
//! registry protocol, emits the events that ECR sends to EventBridge, keeps a journal of every call,
//! and injects faults.
//!
//! - [`LocalEcr`]: the server; [`Options`] are its settings.
//! - [`RegistryHandle`]: one account's registry in one Region, read and changed in-process.
//! - [`image`]: images and lists to push, with deterministic bytes.
//! - [`Fault`]: an injected fault; [`Call`]: a call and its result.
//!
//! ```
//! use local_ecr::{LocalEcr, Options, image::Image};
//!
//! let ecr = LocalEcr::start(Options::default())?;
//! let digest = ecr.home().push("app", Some("1.2.3-arm64"), &Image::oci("linux/arm64"));
//! assert_eq!(ecr.home().tag("app", "1.2.3-arm64"), Some(digest));
//! # std::io::Result::Ok(())
//! ```
//!
//! The README has the list of files; a module uses only those of its own row and below it.

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod api;
mod archived_answer;
mod blobs;
mod clock;
mod connection;
mod convert;
mod data_dir;
mod delete;
mod digest;
mod distribution;
mod ecr;
mod endpoint;
mod error;
mod event;
mod fault;
mod hooks;
pub mod image;
mod journal;
mod lock;
mod manifest;
pub mod media_type;
mod mutability;
mod name;
mod options;
mod presigned;
mod push;
mod registry_handle;
mod registry_id;
mod repository;
mod response;
mod response_body;
mod rule;
mod seed;
mod server;
mod state;
mod store;
mod token;
mod uuid;
mod visibility;

pub use archived_answer::ArchivedAnswer;
pub use clock::Clock;
pub use digest::digest_of;
pub use ecr::LocalEcr;
pub use error::ApiError;
pub use fault::{ANY, BLOB, Fault, FaultKind, Faults};
pub use journal::{Call, CallInfo};
pub use mutability::Mutability;
pub use options::Options;
pub use push::RepushError;
pub use registry_handle::RegistryHandle;
pub use registry_id::RegistryId;
pub use rule::Rule;
