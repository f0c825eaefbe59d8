//! What `ecr-multiarch` assumes of Amazon ECR, each tried on a registry: the user's own, or any endpoint.
//!
//! * [`assumption`]: an assumption, where the product relies on it, and what follows if it does not hold;
//! * [`opt_in`]: what a run does only where it is allowed;
//! * [`probe`]: tries one; the `probes` are all there are, in the order in which they are tried;
//! * [`bench`](mod@bench): the two repositories on which they are tried, which are made and removed; [`outcome`](mod@outcome):
//!   how ECR answered a call; [`event_queue`]: a rule and a queue for events, where they are asked for;
//! * [`run`](mod@run): tries them all; [`exchange`]: the calls that were made, without secrets; [`report`]: what was seen.

pub mod assumption;
pub mod bench;
pub mod event_queue;
pub mod exchange;
pub mod opt_in;
pub mod outcome;
pub mod probe;
mod probes;
pub mod report;
pub mod run;

pub use probes::all;
