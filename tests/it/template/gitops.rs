//! `docs/gitops.yaml`, which announces manifest lists to a `GitOps` controller.

use serde_json::{Value, json};

use super::delivery::examples;
use super::event_pattern;
use super::stack::Template;

const ENDPOINT: (&str, &str) = ("Endpoint", "https://updater.example.com/webhook?type=cloudevents");
const SECRET: (&str, &str) = ("Secret", "s3cret");

/// The rule for pushes of manifest lists.
fn list_rule(parameters: &[(&str, &str)]) -> Value {
    let parameters: Vec<_> = [ENDPOINT, SECRET].into_iter().chain(parameters.iter().copied()).collect();
    Template::load("docs/gitops.yaml").deploy(&parameters).resource("ListRule")
}

/// The example inputs that the rule matches, by name.
fn announced(parameters: &[(&str, &str)]) -> Vec<String> {
    let pattern = serde_json::from_str(list_rule(parameters)["EventPattern"].as_str().unwrap()).unwrap();
    let matched = examples().into_iter().filter(|(_, event)| event_pattern::is_match(&pattern, event));
    matched.map(|(name, _)| name).collect()
}

#[test]
fn only_the_push_of_a_list_is_announced() {
    assert_eq!(announced(&[]), ["push-own-list"]);
}

#[test]
fn an_attested_platform_is_excluded_by_its_suffix() {
    // It is an index, like a list.
    assert_eq!(announced(&[("OtherSuffixes", "-amd64,-soci")]), ["push-attested", "push-own-list"]);
}

#[test]
fn lists_of_other_repositories_are_not_announced() {
    assert_eq!(announced(&[("Repositories", "team-a/*,base")]), [""; 0]);
    assert_eq!(announced(&[("Repositories", "base,ap*")]), ["push-own-list"]);
}

#[test]
fn the_announcement_is_a_cloud_event_of_the_push() {
    let event = &examples()["push-own-list"];
    let transformer = &list_rule(&[])["Targets"][0]["InputTransformer"];
    let mut text = transformer["InputTemplate"].as_str().unwrap().to_owned();
    for (name, path) in transformer["InputPathsMap"].as_object().unwrap() {
        let pointer = path.as_str().unwrap().replace('$', "").replace('.', "/");
        text = text.replace(&format!("<{name}>"), event.pointer(&pointer).unwrap().as_str().unwrap());
    }
    let digest = &event["detail"]["image-digest"];
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({
            "specversion": "1.0",
            "id": event["id"],
            "type": "com.amazon.ecr.image.push",
            "source": "urn:aws:ecr:eu-central-1:123456789012:repository/app",
            "subject": "app:1.0.0",
            "time": event["time"],
            "datacontenttype": "application/json",
            "data": {"repositoryName": "app", "imageDigest": digest, "imageTag": "1.0.0", "registryId": "123456789012"},
        })
    );
}
