//! The audit of a registry, without I/O: what is wrong with its multi-architecture images today.
//!
//! It needs no settings: it guesses the tag template and the platforms from the tags, and says what it guessed. It
//! reads no clock and uses no SDK; the program around it, the example `audit` of the function's crate, scans.
//!
//! Data flows one way:
//!
//! ```text
//! scan (and reading) ──> guess ──> versions ──> findings, coverage ──> report ──> JSON, page
//! ```
//!
//! * [`scan`]: a repository and its [`image`]s, as ECR lists them; [`reading`]: manifests and configs, which only a deep
//!   audit reads;
//! * [`guess`]: the tag template and the platforms of a repository; [`spelling`]: how tags spell platforms;
//! * [`version`]: its versions, and the platforms that each of them has;
//! * [`finding`]: the problems, each with what it means, what to do, and the [`request`] that mends it or the
//!   [`obstacle`] to one; [`checks`] and [`aliases`] find them;
//! * [`coverage`]: the share of versions with each platform over time; [`calendar`]: its periods;
//! * [`suggestion`]: the settings of the function for what was guessed;
//! * [`text`]: the texts of images, as a person reads them;
//! * [`report`]: the whole result, which serializes as the JSON of `--json`; [`page`]: the same as one HTML file.

pub mod aliases;
pub mod calendar;
pub mod checks;
pub mod coverage;
pub mod finding;
pub mod guess;
pub mod guessed_alias;
pub mod image;
pub mod obstacle;
pub mod page;
pub mod platform_names;
pub mod reading;
pub mod report;
pub mod request;
pub mod scan;
pub mod spelling;
pub mod suggestion;
pub mod text;
pub mod version;
