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
//! * [`scan`]: a repository and its [`image`]s, as ECR lists them; [`reading`]: manifests and configs, which only a
//!   deep audit reads;
//! * [`guess`]: the tag template and the platforms of a repository; [`layout`] and [`spelling`]: how tags join versions
//!   and platforms, and spell platforms;
//! * [`versions`]: its versions, the platforms that each [`version`] has, and those that others of its [`family`] have;
//! * [`aliases`]: the tags that follow its releases;
//! * [`finding`]: a [`problem`] of a tag, of a [`kind`], with the [`request`] that mends it or the [`obstacle`] to one;
//!   [`checks`] and [`aliases`] find them;
//! * [`coverage`]: the share of versions with each platform over time; [`calendar`]: its periods;
//! * [`suggestion`]: the settings of the function for a repository; [`variables`]: those for all of them;
//! * [`text`]: the texts of images, as a person reads them;
//! * [`audit`]: all of it together; [`report`]: its result, which serializes as the JSON of `--json`; [`page`]: the
//!   same as one HTML file.

pub mod alias;
pub mod alias_problem;
pub mod aliases;
pub mod audit;
pub mod audited_registry;
pub mod calendar;
pub mod checks;
pub mod coverage;
pub mod divided_tag;
pub mod family;
pub mod finding;
pub mod following;
pub mod guess;
pub mod guessed_alias;
pub mod guessed_platform;
pub mod image;
pub mod kind;
pub mod kind_texts;
pub mod layout;
pub mod obstacle;
pub mod page;
pub mod platform_image;
pub mod platform_names;
pub mod platform_revision;
pub mod problem;
pub mod reading;
pub mod report;
pub mod repository_settings;
pub mod request;
pub mod scan;
pub mod spelling;
pub mod suggestion;
pub mod tag_mutability;
pub mod target;
pub mod text;
pub mod variables;
pub mod version;
pub mod versions;
