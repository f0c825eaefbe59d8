//! Aliases: tags such as `1.2` and `latest` that follow the releases of a repository.
//!
//! Which tags are aliases or yank markers, and of which releases, is a matter of the
//! [`settings`](crate::settings::meaning).
//!
//! * [`scan`]: releases, aliases and markers, as a scan shows them;
//! * [`request`], [`machine`] and [`outcome`]: the reconciliation of aliases as a state machine;
//! * [`yank`]: the request that marks a release.
//!
//! # How a caller drives it
//!
//! The caller makes the call of each step, and passes the answer on:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use ecr_multiarch_core::alias::machine::AliasWrite;
//! use ecr_multiarch_core::reconcile::machine::PutResponse;
//! use ecr_multiarch_core::reconcile::observation::Manifests;
//! use ecr_multiarch_core::{AliasReconciliation, AliasRequest, AliasScan, AliasStep, Error, Reference};
//!
//! trait Calls {
//!     fn scan(&self) -> Result<AliasScan, Error>;
//!     fn read(&self, references: Vec<Reference>) -> Result<Manifests, Error>;
//!     fn put(&self, write: &AliasWrite) -> Result<PutResponse, Error>;
//!     fn has_time_to_write(&self) -> bool;
//! }
//!
//! fn reconcile(request: AliasRequest, calls: &impl Calls) -> Result<AliasReconciliation, Error> {
//!     let mut step = AliasStep::start(Arc::new(request));
//!     loop {
//!         step = match step {
//!             // It also states how long to wait before the scan begins.
//!             AliasStep::Scan(scan) => scan.resume(calls.scan()?),
//!             AliasStep::Read(read) => {
//!                 let manifests = calls.read(read.references())?;
//!                 read.resume(manifests)
//!             }
//!             // A write without a response becomes `pending`.
//!             AliasStep::Put(put) => {
//!                 let writes = put.writes().iter().filter(|_| calls.has_time_to_write());
//!                 let responses = writes.map(|write| (write.tag.clone(), calls.put(write)));
//!                 let responses: BTreeMap<_, _> = responses.collect();
//!                 put.resume(responses)
//!             }
//!             AliasStep::Done(end) => return Ok(end),
//!         };
//!     }
//! }
//! ```
//!
//! A sweep has made a scan already, and resumes [`ScanRepository::start`](machine::ScanRepository::start) with it, after
//! it has added the versions that it published since.

mod decision;
pub mod machine;
pub mod outcome;
pub mod request;
pub mod scan;
mod snapshot;
pub mod yank;
