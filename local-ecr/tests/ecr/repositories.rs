//! Repositories.

use crate::client::{call, start};
use serde_json::json;

#[test]
fn mutability_is_described_with_its_filters() {
    let ecr = start();
    ecr.home().create("ab");
    let excluded = json!({
        "repositoryName": "ab",
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "latest*"}],
    });
    call(&ecr, "PutImageTagMutability", &excluded);
    let described = call(&ecr, "DescribeRepositories", &json!({"repositoryNames": ["ab"]}));
    assert_eq!(described["repositories"][0]["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
    assert_eq!(
        described["repositories"][0]["imageTagMutabilityExclusionFilters"],
        excluded["imageTagMutabilityExclusionFilters"]
    );
}
