//! The environment variables that hold the settings.
//!
//! The SAM template passes exactly these; a test compares the two.

/// The platforms that every list must have.
pub const PLATFORMS: &str = "PLATFORMS";
/// How a platform's tag is made.
pub const TAG_TEMPLATE: &str = "TAG_TEMPLATE";
/// The repositories that are served.
pub const REPOSITORIES: &str = "REPOSITORIES";
/// What a version must look like.
pub const VERSION_PATTERN: &str = "VERSION_PATTERN";
/// Whether a version is held back where its revisions differ.
pub const REVISIONS: &str = "REVISIONS";
/// Whether attestations are kept.
pub const ATTESTATIONS: &str = "ATTESTATIONS";
/// Further accounts whose registries are served.
pub const ACCOUNTS: &str = "ACCOUNTS";
/// Other settings for some repositories.
pub const RULES: &str = "RULES";
/// The sweep's own limit of writes.
pub const SWEEP_PUTS_PER_SECOND: &str = "SWEEP_PUTS_PER_SECOND";
/// From which age on a version counts as incomplete.
pub const INCOMPLETE_AFTER: &str = "INCOMPLETE_AFTER";
/// Up to which age a version counts as incomplete.
pub const INCOMPLETE_UNTIL: &str = "INCOMPLETE_UNTIL";

/// All of them.
pub const ALL: [&str; 11] = [
    PLATFORMS,
    TAG_TEMPLATE,
    REPOSITORIES,
    VERSION_PATTERN,
    REVISIONS,
    ATTESTATIONS,
    ACCOUNTS,
    RULES,
    SWEEP_PUTS_PER_SECOND,
    INCOMPLETE_AFTER,
    INCOMPLETE_UNTIL,
];
