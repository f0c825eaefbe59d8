//! The audit of a registry, without I/O: what is wrong with its multi-architecture images today.
//!
//! It needs no settings: it guesses the tag template and the platforms from the tags, and says what it guessed. It
//! reads no clock and uses no SDK; the program around it scans.
//!
//! Data flows one way:
//!
//! ```text
//! scan (and reading) ──> guess ──> versions ──> findings, coverage ──> report ──> JSON, page
//! ```
//!
//! * [`scan`]: a repository and its [`image`]s, as ECR lists them; [`scanned_tags`]: those of its tags that can be
//!   releases or aliases; [`reading`]: manifests and configs, which only a deep audit reads;
//! * [`guess`]: the tag template and the platforms of a repository; [`spelling`]: how tags join versions and platforms,
//!   and spell platforms;
//! * [`versions`]: its versions, and the [`platforms`] that each has and that others like it have;
//! * [`aliases`]: the tags that follow its releases, each an [`alias`]; [`streams`]: the numberings beside releases of
//!   three numbers, each the [`numbering`] of a [`series`] of [`numbered_tag`]s;
//! * [`listed_images`]: the images inside its lists that image tags would name;
//! * [`settings`]: those of the function for a repository, and for all of them; [`suggested_streams`]: those of `ALIASES`
//!   and `STREAMS`; [`shell`]: all of them as commands to paste;
//! * [`judge`]: what the function would do with a version under these settings, by the word of the function's core;
//! * [`finding`]: a [`problem`] of a tag, and what fixes it; [`checks`] find them;
//! * [`coverage`]: the share of versions with each platform over time;
//! * [`as_of`]: the time as of which it is judged; [`text`]: texts, as a person reads them;
//! * [`audit`]: all of it together; [`report`]: its result, which serializes as the JSON of `--json`; [`page`]: the
//!   same as one HTML file.

pub mod alias;
pub mod aliases;
pub mod as_of;
pub mod audit;
pub mod checks;
pub mod coverage;
pub mod finding;
pub mod guess;
pub mod image;
pub mod judge;
pub mod listed_images;
pub mod numbered_tag;
pub mod numbering;
pub mod page;
pub mod platforms;
pub mod problem;
pub mod reading;
pub mod report;
pub mod scan;
pub mod scanned_tags;
pub mod series;
pub mod settings;
pub mod shell;
pub mod spelling;
pub mod streams;
pub mod suggested_streams;
pub mod suggestion;
pub mod text;
pub mod versions;
