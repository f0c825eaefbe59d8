//! Settings that stop the start, each with one message.

use super::parse;

/// A variable with invalid values, and what the message says.
#[track_caller]
fn check(variables: &[(&str, &str)], expected: &[&str]) {
    let message = parse(variables).expect_err("it is valid");
    for part in expected {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert!(message.contains("xpected"), "{message}");
}

#[test]
fn expression_that_orders_nothing_is_invalid() {
    for (releases, expected) in [
        ("main-(", "without closing"),
        ("a)|(b", "without matching"),
        ("main-.*", "no number"),
        ("(?<name>[a-z]+)", "no number"),
        (r"(?<build>\\d*)", "no number"),
        ("(?<build>[0-9a-f]+)", "no number"),
        (r"(?i)b(?<build>\\d+)", "flags"),
        (r"(?<a>x(?<b>\\d+))", "within another named group"),
        (r"(?<a>\\d)(?<b>\\d)(?<c>\\d)(?<d>\\d)(?<e>\\d)(?<f>\\d)(?<g>\\d)(?<h>\\d)", "8 named groups"),
        (r"(?<a>\\d+)(?<a>\\d+)", "duplicate"),
        (r"(?<a>\\d{1,9}){200,300}(\\w{300}){300}", "exceeded size limit"),
    ] {
        let json = format!(r#"[{{"aliases":"latest"}},{{"releases":"{releases}"}}]"#);
        check(&[("STREAMS", &json)], &["STREAMS[1].releases", expected]);
    }
}

#[test]
fn templates_are_invalid_under_the_name_of_their_stream() {
    for (aliases, expected) in [
        ("{major}", "only the placeholders {build}, {branch}"),
        ("main-{build}-{build}", "{build} twice"),
        ("latest,latest", "stands twice"),
        ("b{build}", "can give b1, which is a release"),
        ("b7", "can give b7, which is a release"),
        ("yanked-{build}", "which is a yank marker"),
        ("{build}-amd64", "which is a platform tag"),
        ("-{build}", "gives no valid tag"),
    ] {
        let json = format!(r#"[{{"releases":"(?<branch>[a-z])(?<build>\\d+)","aliases":"{aliases}"}}]"#);
        check(&[("STREAMS", &json)], &["STREAMS[0].aliases", expected]);
    }
}

#[test]
fn streams_that_contradict_each_other_are_invalid() {
    let trunk = r#"[{"releases":"b(?<n>\\d+)","aliases":"edge"}]"#;
    check(&[("STREAMS", trunk), ("ALIASES", "latest")], &["STREAMS", "aliases are set, too"]);
    check(&[("STREAMS", r#"[{"aliases":"a"},{"aliases":"b"}]"#)], &["a second stream has no \"releases\""]);
    check(
        &[("STREAMS", r#"[{"aliases":"latest"},{"releases":"b(?<n>\\d+)","aliases":"latest"}]"#)],
        &["STREAMS[1].aliases", "\"latest\" stands twice"],
    );
    let rules = format!(r#"[{{"repositories":["app"],"aliases":"latest","streams":{trunk}}}]"#);
    check(&[("RULES", &rules)], &["RULES[0].streams", "aliases are set, too"]);
    let many = format!("[{}]", vec![r#"{"releases":"(?<n>\\d+)"}"#; 17].join(","));
    check(&[("STREAMS", &many)], &["17 streams, more than 16"]);
}

#[test]
fn text_that_is_not_a_list_of_streams_is_invalid() {
    for json in ["latest", "{}", r#"[{"release":"x"}]"#, r#"[{"aliases":["latest"]}]"#] {
        check(&[("STREAMS", json)], &["STREAMS is", "JSON array"]);
    }
    let rules = r#"[{"repositories":["app"],"streams":[{"releases":"("}]}]"#;
    check(&[("RULES", rules)], &["RULES[0].streams[0].releases", "without closing"]);
}

#[test]
fn template_that_can_give_another_tag_is_invalid() {
    for (platforms, template, aliases, expected) in [
        ("", "", "latest,{major}.{minor}.0", "can give 1.1.0, which is a release"),
        ("", "", "1.{minor}.{major}", "which is a release"),
        ("", "", "v1.2.3", "can give v1.2.3, which is a release"),
        ("", "", "v{major}.{minor}.0", "which is a release"),
        ("", "", "{major}-arm64", "can give 1-arm64, which is a platform tag"),
        ("", "", "latest-amd64", "which is a platform tag"),
        ("", "", "yanked-{major}", "which is a yank marker"),
        ("", "", "latest,{major},latest", "twice"),
        ("windows(10.0.20348)/amd64=2022", "", "{major}-{minor}", "can give 1-2022, which is a platform tag"),
        ("windows(10.0.20348)/amd64=2022", "", "{major}-20{minor}", "which is a platform tag"),
        ("windows/amd64=2022", "{version}{platform}", "{major}", "can give 12022, which is a platform tag"),
        ("linux/amd64=1", "{platform}.{version}", "{major}.{minor}", "can give 1.1, which is a platform tag"),
    ] {
        let variables = [("PLATFORMS", platforms), ("TAG_TEMPLATE", template), ("ALIASES", aliases)];
        let set: Vec<_> = variables.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        check(&set, &["ALIASES is", expected]);
    }
    for (platforms, aliases) in [
        ("linux/amd64", "{major}.{minor},{major},latest"),
        ("linux/amd64,linux/arm64", "arm64,latest-amd64x,yanked,{major}.{minor}.x"),
        ("windows(10.0.20348)/amd64=2022", "{major}.{minor},{major}-2{minor}-x"),
    ] {
        parse(&[("PLATFORMS", platforms), ("ALIASES", aliases)]).expect(aliases);
    }
}
