//! The report as one HTML file, which needs no network.
//!
//! The page has a policy that allows its own style and its own script by their hashes, and nothing else: no request,
//! and no text that becomes HTML. The report is data of a script element, which the browser does not run, and the
//! script writes it into text nodes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ecr_multiarch_core::reconcile::manifest_list::escape_json;
use sha2::{Digest as _, Sha256};

use crate::finding::{ASSEMBLE_COMMAND, DRY_RUN_COMMAND, SWEEP_COMMAND};
use crate::report::Report;

const PAGE: &str = include_str!("../page/page.html");
const STYLE: &str = include_str!("../page/page.css");
const SCRIPT: &str =
    concat!(include_str!("../page/report.js"), include_str!("../page/chart.js"), include_str!("../page/page.js"));

/// Renders the page.
///
/// # Errors
/// If the report does not serialize, which no report does.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let report = escape_json(serde_json::to_string(report)?);
    let (style_hash, script_hash) = (source_hash(STYLE), source_hash(SCRIPT));
    let values = [
        ("style hash", style_hash.as_str()),
        ("script hash", &script_hash),
        ("style", STYLE),
        ("sweep command", SWEEP_COMMAND),
        ("assemble command", ASSEMBLE_COMMAND),
        ("dry run command", DRY_RUN_COMMAND),
        ("report", &report),
        ("script", SCRIPT),
    ];
    Ok(fill(PAGE, &values))
}

/// Fills the places of a template in one pass, so that a value which looks like a place stays as it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, place)) = rest.split_once("{{") {
        page.push_str(before);
        let (name, after) = place.split_once("}}").unwrap_or((place, ""));
        page.extend(values.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value));
        rest = after;
    }
    page.push_str(rest);
    page
}

/// The hash of an inline element, as a content security policy names it. (Content Security Policy Level 3,
/// `hash-source`.)
fn source_hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_that_of_the_specification() {
        // The example of Content Security Policy Level 3, "Using hashes".
        assert_eq!(source_hash("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }

    #[test]
    fn every_place_is_filled_and_values_are_not_templates() {
        assert_eq!(fill("a{{x}}b{{y}}c", &[("x", "{{y}}"), ("y", "2")]), "a{{y}}b2c");
        let places: Vec<_> = PAGE.split("{{").skip(1).filter_map(|place| Some(place.split_once("}}")?.0)).collect();
        assert_eq!(
            places,
            [
                "style hash",
                "script hash",
                "style",
                "assemble command",
                "sweep command",
                "dry run command",
                "report",
                "script"
            ]
        );
    }

    #[test]
    fn page_has_no_address_and_no_inline_handler() {
        for text in [PAGE, STYLE, SCRIPT] {
            for forbidden in
                ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("]
            {
                let rest = text.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xhtml", "");
                assert!(!rest.contains(forbidden), "{forbidden}");
            }
        }
        assert!(!PAGE.contains(" style=") && !PAGE.contains(" onclick"));
    }
}
