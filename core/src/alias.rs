//! Aliases: tags such as `1.2` and `latest` that follow the releases of a repository.
//!
//! Which tags are aliases or yank markers, and of which releases, is a matter of the
//! [`settings`](crate::settings::tag_meaning).
//!
//! * [`scan`]: releases, aliases and markers, as a scan shows them;
//! * [`request`], [`machine`] and [`outcome`]: the reconciliation of aliases as a state machine;
//! * [`yank`]: the request that marks a release.
//!
//! # How a caller drives it
//!
//! The caller makes the call of each step, and passes the answer on, until it is done: it waits for as long as a scan
//! states, and leaves out the response of a write that it had no time for, which becomes `pending`.
//!
//! A sweep has made a scan already, and resumes [`ScanRepository::start`](machine::ScanRepository::start) with it, after
//! it has added the versions that it published since.

mod decision;
mod end;
mod line;
pub mod machine;
pub mod outcome;
pub mod request;
pub mod scan;
mod snapshot;
mod target;
pub mod yank;
