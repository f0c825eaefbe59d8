//! The page carries the report unchanged, whatever its texts are.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::time::SystemTime;

use ecr_multiarch_audit::audit::Audit;
use ecr_multiarch_audit::finding::RequestTarget;
use ecr_multiarch_audit::page;
use ecr_multiarch_audit::report::{AuditFailure, Report};
use ecr_multiarch_core::RegistryId;
use proptest::prelude::*;
use serde_json::Value;

/// A report with this text of an image.
fn report(text: &str) -> Report {
    let registry = RegistryId { account: None, region: "eu-central-1".parse().unwrap() };
    let mut report = Audit::new(registry, RequestTarget::default(), SystemTime::UNIX_EPOCH, false).finish();
    report.failures.push(AuditFailure { repository: "app".parse().unwrap(), message: text.to_owned() });
    report
}

/// The data of a page, as a browser sees it: up to the first end of the element.
fn data(page: &str) -> Value {
    let (_, after) = page.split_once("<script type=\"application/json\" id=\"report\">").unwrap();
    serde_json::from_str(after.split_once("</script").unwrap().0).unwrap()
}

proptest! {
    #[test]
    fn any_text_survives(text in "(</?script>|<!--|&|\\{\\{script\\}\\}|\u{2028}|[\u{0}-\u{ffff}]){0,40}") {
        let report = report(&text);
        let page = page::render(&report).unwrap();
        prop_assert_eq!(data(&page), serde_json::to_value(&report).unwrap());
        prop_assert_eq!(page.matches("<script").count(), 2);
        prop_assert_eq!(page.matches("</script").count(), 2);
    }
}
