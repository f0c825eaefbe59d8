//! What a run does only where it is allowed.

/// What some probes do that not everybody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptIn {
    /// Makes a rule of EventBridge and a queue, and removes them again.
    Events,
    /// Writes a thousand tags, which takes minutes.
    ManyTags,
    /// Exceeds the rate of `PutImage` of the account for a second or two.
    Throttling,
}

impl OptIn {
    /// The option that allows it.
    pub fn option(self) -> &'static str {
        match self {
            Self::Events => "--events",
            Self::ManyTags => "--many-tags",
            Self::Throttling => "--throttling",
        }
    }
}
