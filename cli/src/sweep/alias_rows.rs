//! The aliases of a repository that are not as they were, for its table.

use std::collections::BTreeMap;

use ecr_multiarch_core::AliasReconciliation;

use crate::terminal::error_text;

/// The aliases of a repository.
#[derive(Debug, Default)]
pub struct AliasRows(Vec<AliasRow>);

/// An alias.
#[derive(Debug)]
struct AliasRow {
    tag: String,
    /// Its outcome.
    state: String,
    /// The release that it names, or is to name.
    release: Option<String>,
    /// Why it is left alone, or has failed.
    reason: Option<String>,
}

impl From<&AliasReconciliation> for AliasRows {
    fn from(reconciliation: &AliasReconciliation) -> Self {
        let reported = reconciliation.aliases.iter().chain(&reconciliation.markers).map(|alias| AliasRow {
            tag: alias.tag.to_string(),
            state: alias.outcome.kind().name().replace('_', " "),
            release: alias.release.as_ref().map(ToString::to_string),
            reason: alias.reason(),
        });
        let failed = reconciliation.failed.iter().map(|failure| AliasRow {
            tag: failure.tag.to_string(),
            state: "failed".to_owned(),
            release: None,
            reason: Some(error_text(&failure.error)),
        });
        Self(reported.chain(failed).collect())
    }
}

impl AliasRows {
    /// The cell of a version: its aliases, by outcome.
    pub fn cell(&self, version: &str) -> String {
        let mut by_state = BTreeMap::<_, Vec<_>>::new();
        for row in self.0.iter().filter(|row| row.release.as_deref() == Some(version)) {
            by_state.entry(row.state.as_str()).or_default().push(row.tag.as_str());
        }
        let parts: Vec<_> = by_state.iter().map(|(state, tags)| format!("{state} {}", tags.join(", "))).collect();
        parts.join("; ")
    }

    /// What no cell tells: reasons, and the aliases of versions that the table does not show.
    pub fn notes<'a>(&'a self, shown: &'a [&str]) -> impl Iterator<Item = String> + 'a {
        self.0.iter().filter_map(|AliasRow { tag, state, release, reason }| match (release, reason) {
            (_, Some(reason)) => Some(format!("{tag}: {state}: {reason}")),
            (Some(release), None) if !shown.contains(&release.as_str()) => Some(format!("{tag}: {state}: {release}")),
            _ => None,
        })
    }
}
