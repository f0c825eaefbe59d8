//! The decisions of `ecr-multiarch`, without I/O.
//!
//! CI pushes `app:1.2.3-amd64` and `app:1.2.3-arm64`. This crate parses what Amazon ECR holds of version `1.2.3`,
//! decides whether its manifest list is to be published, and assembles its exact bytes. It does no I/O, reads no clock
//! and uses no SDK: the function around it does. A test restricts the dependencies of this crate.
//!
//! # The invariant
//!
//! When nothing is in flight and no error was answered, the tag of a version that is complete, and of one revision,
//! names exactly the manifest list of its platforms' images as their tags stand. This holds where each read sees the
//! writes before it, where each invocation ends or is delivered again, and where ECR carries out a write before it
//! answers the next attempt of it. A write that ECR carries out later, after its repetition was confirmed, can leave an
//! earlier list under the tag without any error. The model checker finds that, and that the next sweep repairs it.
//!
//! In any case, no manifest list lacks a configured platform, names an image for a platform that its config contradicts,
//! or names a platform twice.
//!
//! # Layout
//!
//! In the order in which data flows:
//!
//! * [`settings`]: the environment variables, parsed and validated; which tags belong to a version;
//! * [`input`]: events and requests; [`access`]: which of them an alias of the function takes;
//! * [`plan`]: what an input asks for, by the settings, as [`work`]; [`batch`]: records of a queue, joined to tasks;
//! * [`name`] and [`oci`]: the terms of ECR and of the OCI specifications, each a strict type;
//! * [`reconcile`]: the state machine of one version, its observation, its manifest list, its outcome;
//! * [`alias`]: releases and the aliases that follow them, as a state machine of its own;
//! * [`image_tags`]: the tags of the images inside a list, as another one;
//! * [`scan`] and [`inventory`]: what a scan shows of a repository, and the versions that its tags make up;
//! * [`answer`] and [`error`]: what an invocation returns; [`excerpt`]: text from outside within it; [`iam_action`]: the
//!   permissions that it needs.
//!
//! The names that most callers need are re-exported here.

pub mod access;
pub mod alias;
pub mod answer;
pub mod batch;
pub mod error;
pub mod excerpt;
#[cfg(test)]
mod fixtures;
pub mod iam_action;
pub mod image_tags;
pub mod input;
pub mod inventory;
pub mod name;
mod newtype;
pub mod oci;
pub mod plan;
pub mod reconcile;
pub mod scan;
pub mod settings;
pub mod time_span;
pub mod timestamp;
pub mod work;

pub use access::Access;
pub use alias::machine::AliasStep;
pub use alias::outcome::{AliasOutcome, AliasReconciliation, AliasReport};
pub use alias::request::AliasRequest;
pub use alias::scan::{AliasScan, AliasScanBuilder};
pub use answer::sweep::SweepReport;
pub use answer::{Answer, RegistriesReport, VersionReport, YankReport};
pub use error::{Error, ErrorType, InvocationError};
pub use iam_action::IamAction;
pub use image_tags::machine::ImageTagStep;
pub use image_tags::outcome::{ImageTagOutcome, ImageTagReport, ImageTagging};
pub use image_tags::request::ImageTagRequest;
pub use input::Input;
pub use inventory::Inventory;
pub use name::{
    AccountId, ImageReference, Reference, Region, RegistryId, RepositoryGlob, RepositoryName, RepositoryStart,
};
pub use oci::digest::Digest;
pub use oci::tag::Tag;
pub use reconcile::manifest_list::ManifestList;
pub use reconcile::outcome::{Outcome, OutcomeKind};
pub use reconcile::request::ReconcileRequest;
pub use reconcile::step::Step;
pub use scan::{ScannedImage, ScannedTag};
pub use settings::release::Release;
pub use settings::{RepositorySettings, Settings, TagMeaning};
