//! The sweep: what events lost is found, and what is settled is left alone.

use std::time::{Duration, Instant, SystemTime};

use local_ecr::image::Image;
use local_ecr::{CallInfo, Fault, FaultKind, LocalEcr, Mutability};
use serde_json::{Value, json};

use crate::function::{Failure, Setup};
use crate::world::{World, assert_failure, assert_outcome};

const HOUR: Duration = Duration::from_hours(1);

/// A world whose writes are not held up.
fn fast() -> World {
    World::with(|setup| setup.set("SWEEP_PUTS_PER_SECOND", "1000"))
}

fn sweep(world: &World, more: &Value) -> Value {
    try_sweep(world, more).unwrap()
}

fn try_sweep(world: &World, more: &Value) -> Result<Value, Failure> {
    let mut request = json!({"action": "sweep"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.function.invoke(&request)
}

/// Pushes both platforms of a version, of which nobody is told.
fn push_both(world: &World, repository: &str, version: &str) {
    for platform in ["amd64", "arm64"] {
        let image = Image::oci(&format!("linux/{platform}")).content(version);
        world.registry.push(repository, Some(&format!("{version}-{platform}")), &image);
    }
}

fn counts(swept: &Value) -> [u64; 5] {
    ["versions", "published", "unchanged", "incomplete_total", "failed_total"].map(|key| swept[key].as_u64().unwrap())
}

#[test]
fn what_events_lost_is_published_and_a_second_sweep_finds_nothing_to_do() {
    let world = fast();
    for version in ["1", "2", "3"] {
        push_both(&world, "app", version);
    }
    push_both(&world, "team-a/app", "1");
    world.registry.push("app", Some("4-amd64"), &Image::oci("linux/amd64"));
    let swept = sweep(&world, &json!({}));
    assert_eq!(
        swept,
        json!({"outcome": "swept", "repositories": 2, "versions": 5, "published": 4, "unchanged": 0,
               "incomplete": [], "incomplete_total": 0, "failed": [], "failed_total": 0, "complete": true})
    );
    for (repository, version) in [("app", "1"), ("app", "2"), ("app", "3"), ("team-a/app", "1")] {
        assert!(world.registry.tag(repository, version).is_some(), "{repository}:{version}");
    }
    assert_eq!(world.registry.tag("app", "4"), None);
    world.ecr.clear_journal();
    world.ecr.clock().advance(Duration::from_secs(2));
    assert_eq!(counts(&sweep(&world, &json!({}))), [5, 0, 4, 0, 0]);
}

#[test]
fn a_settled_repository_costs_its_pages_and_not_one_read() {
    let world = fast();
    for platform in ["amd64", "arm64"] {
        let image = Image::oci(&format!("linux/{platform}"));
        world.registry.push("app", Some(&format!("1-{platform}")), &image.attested());
        world.registry.push("app", Some(&format!("2-{platform}")), &image.content("two"));
    }
    assert_eq!(counts(&sweep(&world, &json!({}))), [2, 2, 0, 0, 0]);
    world.ecr.clear_journal();
    assert_eq!(counts(&sweep(&world, &json!({}))), [2, 0, 2, 0, 0]);
    let calls: Vec<_> = world.ecr.journal().into_iter().map(|call| call.operation).collect();
    assert_eq!(calls, ["DescribeRepositories", "DescribeImages"]);
    assert_eq!(world.calls("DescribeImages")[0].request["maxResults"], 1_000);
}

#[test]
fn a_repush_that_nobody_told_of_is_found() {
    let world = fast();
    push_both(&world, "app", "1");
    sweep(&world, &json!({}));
    world.ecr.clock().set(SystemTime::now() + Duration::from_secs(5));
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("mended"));
    assert_eq!(counts(&sweep(&world, &json!({}))), [1, 1, 0, 0, 0]);
    assert_eq!(world.list("1")["manifests"][1]["digest"], json!(world.registry.tag("app", "1-arm64")));
}

#[test]
fn a_tag_moved_back_to_an_older_image_is_found_by_a_deep_sweep_alone() {
    let world = fast();
    push_both(&world, "app", "1");
    let old = world.registry.tag("app", "1-arm64").unwrap();
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("newer"));
    sweep(&world, &json!({}));
    world.registry.retag("app", "1-arm64", &old);
    assert_eq!(counts(&sweep(&world, &json!({}))), [1, 0, 1, 0, 0], "a listing does not show it");
    assert_eq!(counts(&sweep(&world, &json!({"deep": true, "dry_run": true}))), [1, 0, 0, 0, 0]);
    assert_eq!(counts(&sweep(&world, &json!({"deep": true}))), [1, 1, 0, 0, 0]);
    assert_eq!(world.list("1")["manifests"][1]["digest"], json!(old));
    assert_eq!(counts(&sweep(&world, &json!({"deep": true}))), [1, 0, 1, 0, 0]);
}

#[test]
fn one_bad_version_stops_nobody() {
    let world = fast();
    for version in ["1", "2", "3", "4", "5", "6"] {
        push_both(&world, "app", version);
    }
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/amd64").content("wrong"));
    world.registry.push("app", Some("2"), &Image::oci("linux/amd64").content("plain"));
    world.registry.fail("app", "3-amd64", "KmsError");
    let oci = "application/vnd.oci.image.manifest.v1+json";
    world.registry.store_raw("app", Some("4-amd64"), oci, "{", None);
    let swept = sweep(&world, &json!({}));
    assert_eq!(counts(&swept), [6, 2, 0, 0, 4]);
    let mut failed: Vec<_> = swept["failed"].as_array().unwrap().iter().collect();
    failed.sort_by_key(|failed| failed["version"].as_str());
    let failed: Vec<_> =
        failed.iter().map(|row| [row["version"].as_str().unwrap(), row["error"].as_str().unwrap()]).collect();
    assert_eq!(
        failed,
        [["1", "PlatformMismatch"], ["2", "TagConflict"], ["3", "RegistryRefused"], ["4", "CorruptImage"]]
    );
    let lines = world.function.log_lines();
    assert_eq!(lines.iter().filter(|line| line["level"] == "ERROR").count(), 4);
    let metrics = lines.iter().find(|line| line.get("_aws").is_some()).unwrap();
    assert_eq!(
        (&metrics["Failed"], &metrics["FailedTagConflict"], &metrics["SweepComplete"]),
        (&json!(4), &json!(1), &json!(1))
    );
}

#[test]
fn only_a_sweep_of_all_that_is_served_tells_that_it_came_to_its_end() {
    let world = fast();
    push_both(&world, "app", "1");
    for request in [json!({"repositories": ["app"]}), json!({"dry_run": true}), json!({"deep": true})] {
        sweep(&world, &request);
    }
    let lines = world.function.log_lines();
    let told = lines.iter().filter(|line| line.get("_aws").is_some()).map(|line| line.get("SweepComplete"));
    assert_eq!(told.collect::<Vec<_>>(), [None, None, Some(&json!(1))]);
}

#[test]
fn a_repository_that_cannot_be_listed_is_reported_and_the_next_is_swept() {
    let world =
        World::with(|setup| setup.set("SWEEP_PUTS_PER_SECOND", "1000").set("REPOSITORIES", "app,missing,denied"));
    push_both(&world, "app", "1");
    push_both(&world, "denied", "1");
    let denial = FaultKind::refusal("AccessDeniedException", "no");
    world.ecr.faults().add(Fault::on("DescribeImages", denial).repository("denied"));
    let swept = sweep(&world, &json!({}));
    assert_eq!(counts(&swept), [1, 1, 0, 0, 2]);
    let mut errors: Vec<_> =
        swept["failed"].as_array().unwrap().iter().map(|row| (&row["version"], &row["error"])).collect();
    errors.sort_by_key(|(_, error)| error.as_str());
    assert_eq!(errors, [(&Value::Null, &json!("AccessDenied")), (&Value::Null, &json!("RepositoryNotFound"))]);
    assert_eq!(world.calls("DescribeRepositories").len(), 0, "repositories that are named need not be listed");
}

#[test]
fn a_registry_whose_repositories_cannot_be_listed_fails_the_sweep() {
    let world = fast();
    world.ecr.faults().add(Fault::on("DescribeRepositories", FaultKind::refusal("AccessDeniedException", "no")));
    assert_failure(&try_sweep(&world, &json!({})), "AccessDenied", &["ecr:DescribeRepositories", "123456789012"]);
}

#[test]
fn only_the_repositories_asked_for_and_served_are_swept() {
    let world = World::with(|setup| setup.set("SWEEP_PUTS_PER_SECOND", "1000").set("REPOSITORIES", "team-*"));
    for repository in ["team-a/x", "team-a/y", "team-b/x", "other"] {
        push_both(&world, repository, "1");
    }
    let swept = sweep(&world, &json!({"repositories": ["team-a/*", "other"]}));
    assert_eq!((&swept["repositories"], &swept["published"]), (&json!(2), &json!(2)));
    assert_eq!(sweep(&world, &json!({"repositories": ["team-b/x", "other"]}))["published"], 1);
    assert_eq!(world.registry.tag("other", "1"), None);
}

#[test]
fn more_than_one_page_of_repositories_and_images_is_read() {
    let world = fast();
    for index in 0..1_001 {
        world.registry.create(&format!("r/{index}"));
    }
    world.registry.fill("r/7", 700, &["linux/amd64", "linux/arm64"]).unwrap();
    let swept = sweep(&world, &json!({"dry_run": true}));
    assert_eq!((&swept["repositories"], &swept["versions"]), (&json!(1_002), &json!(700)));
    assert_eq!((&swept["published"], &swept["would_publish"]), (&json!(0), &json!(700)));
    assert_eq!(swept["pending"].as_array().unwrap().len(), 100);
    assert_eq!(world.calls("DescribeRepositories").len(), 2);
    assert_eq!(world.calls("PutImage").len(), 0);
    assert!(world.calls("BatchGetImage").len() <= 700 / 33 + 1, "reads are joined");
}

#[test]
fn versions_incomplete_within_the_window_are_reported_logged_and_counted() {
    let world = fast();
    let now = SystemTime::now();
    let incomplete = |version: &str, age: Duration| {
        world.ecr.clock().set(now - age);
        let image = Image::oci("linux/amd64").content(version);
        world.registry.push("app", Some(&format!("{version}-amd64")), &image);
    };
    incomplete("young", HOUR / 2);
    incomplete("due", HOUR * 2);
    incomplete("old", HOUR * 24 * 8);
    world.ecr.clock().set(now - HOUR * 3);
    for (platform, revision) in [("amd64", "abc"), ("arm64", "def")] {
        let image = Image::oci(&format!("linux/{platform}")).revision(revision);
        world.registry.push("app", Some(&format!("mixed-{platform}")), &image);
    }
    let swept = sweep(&world, &json!({}));
    assert_eq!(counts(&swept), [4, 0, 0, 2, 0]);
    let rows = swept["incomplete"].as_array().unwrap();
    let row = |version: &str| rows.iter().find(|row| row["version"] == version).unwrap();
    assert_eq!(row("due"), &json!({"repository": "app", "version": "due", "missing": ["linux/arm64"]}));
    assert!(row("mixed")["reason"].as_str().unwrap().contains("abc"));
    let lines = world.function.log_lines();
    assert_eq!(lines.iter().filter(|line| line["level"] == "WARN").count(), 2);
    let metrics = lines.iter().find(|line| line.get("_aws").is_some()).unwrap();
    assert_eq!(metrics["IncompleteVersions"], 2);
}

#[test]
fn writes_keep_to_the_pace_evenly_and_reach_it() {
    let world = World::with(|setup| setup.set("SWEEP_PUTS_PER_SECOND", "4"));
    for version in 0..13 {
        push_both(&world, "app", &version.to_string());
    }
    let swept = sweep(&world, &json!({}));
    assert_eq!(swept["published"], 13);
    let at: Vec<_> = world.calls("PutImage").iter().map(|call| call.started).collect();
    for second in at.windows(5) {
        let span = second[4] - second[0];
        assert!(span >= Duration::from_millis(950), "5 writes within {span:?}");
    }
    let took = at[12] - at[0];
    assert!(took < Duration::from_millis(12 * 250 * 3 / 2), "13 writes at 4 a second took {took:?}");
}

#[test]
fn a_list_is_written_from_what_is_read_just_before_and_not_from_what_was_read_long_ago() {
    let world = World::with(|setup| setup.set("SWEEP_PUTS_PER_SECOND", "10"));
    for version in 0..30 {
        push_both(&world, "app", &version.to_string());
    }
    let writes = std::sync::atomic::AtomicU32::new(0);
    world.ecr.on_call(move |call: &CallInfo, ecr: &LocalEcr| {
        if call.operation == "PutImage" && writes.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            for version in 0..30 {
                let image = Image::oci("linux/arm64").content(&format!("{version} mended"));
                ecr.home().push("app", Some(&format!("{version}-arm64")), &image);
            }
        }
    });
    let swept = sweep(&world, &json!({}));
    assert_eq!(swept["published"], 30);
    for version in 0..30 {
        let list = world.list(&version.to_string());
        assert_eq!(list["manifests"][1]["digest"], json!(world.registry.tag("app", &format!("{version}-arm64"))));
    }
    assert!(world.calls("PutImage").len() < 50, "most lists were read afresh ahead of their write");
}

#[test]
fn a_sweep_stops_ahead_of_its_deadline_and_the_next_goes_on() {
    let mut world = World::with(|setup| setup.set("SWEEP_PUTS_PER_SECOND", "10"));
    for version in 0..60 {
        push_both(&world, "app", &version.to_string());
    }
    world.function = world.function.with_time_left(Duration::from_secs(4));
    let begun = Instant::now();
    let first = sweep(&world, &json!({}));
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(first["complete"], false);
    assert_eq!(first["failed"], json!([]));
    let published = first["published"].as_u64().unwrap();
    assert!((10..60).contains(&published), "{published}");

    world.function = world.function.with_time_left(Duration::from_mins(1));
    world.ecr.clear_journal();
    let second = sweep(&world, &json!({}));
    assert_eq!(second["complete"], true);
    assert_eq!(second["published"].as_u64().unwrap() + second["unchanged"].as_u64().unwrap(), 60);
    assert!(second["unchanged"].as_u64().unwrap() >= published, "what was done is not repeated");
    assert_eq!(world.calls("PutImage").len() as u64, second["published"].as_u64().unwrap());
}

#[test]
fn throttled_pages_reads_and_writes_slow_the_sweep_down_and_do_not_fail_it() {
    let world = fast();
    for version in 0..20 {
        push_both(&world, "app", &version.to_string());
    }
    for operation in ["DescribeRepositories", "DescribeImages", "BatchGetImage", "PutImage"] {
        world.ecr.faults().add(Fault::on(operation, FaultKind::Throttle).times(2));
    }
    assert_eq!(counts(&sweep(&world, &json!({}))), [20, 20, 0, 0, 0]);
}

#[test]
fn two_sweeps_at_once_and_live_events_end_in_the_same_lists() {
    let world = fast();
    for version in 0..20 {
        push_both(&world, "app", &version.to_string());
    }
    let other = Setup::with(&world.ecr).set("SWEEP_PUTS_PER_SECOND", "1000").start();
    let events = Setup::with(&world.ecr).start();
    let both = [world.function.begin(r#"{"action":"sweep"}"#), other.begin(r#"{"action":"sweep"}"#)];
    for version in (0..20).rev() {
        events.invoke(&crate::function::push_event("app", &format!("{version}-arm64"))).unwrap();
    }
    for answer in both {
        let swept = crate::function::answer(&answer).unwrap();
        assert_eq!((&swept["failed"], &swept["complete"]), (&json!([]), &json!(true)));
    }
    for version in 0..20 {
        assert_eq!(world.registry.history("app", &version.to_string()).len(), 1, "no list was written twice");
    }
}

#[test]
fn immutable_tags_that_are_right_are_left_alone() {
    let world = fast();
    push_both(&world, "app", "1");
    sweep(&world, &json!({}));
    world.registry.set_mutability("app", Mutability::Immutable);
    world.ecr.clock().advance(Duration::from_secs(5));
    assert_eq!(counts(&sweep(&world, &json!({"deep": true}))), [1, 0, 1, 0, 0]);
}

#[test]
fn the_answer_of_a_sweep_stays_small_whatever_the_registry_holds() {
    let world = fast();
    for version in 0..300 {
        let tag = format!("{version}-{}", "x".repeat(100));
        world.registry.push("app", Some(&format!("{tag}-amd64")), &Image::oci("linux/amd64"));
        world.registry.push("app", Some(&format!("{tag}-arm64")), &Image::oci("linux/amd64").content("wrong"));
    }
    let swept = sweep(&world, &json!({}));
    assert_eq!((&swept["failed_total"], swept["failed"].as_array().unwrap().len()), (&json!(300), 100));
    assert!(swept.to_string().len() < 100_000);
}

#[test]
fn registries_of_further_accounts_are_swept_too() {
    let world = World::with(|setup| setup.set("SWEEP_PUTS_PER_SECOND", "1000").set("ACCOUNTS", "210987654321"));
    let there = world.ecr.registry("210987654321", "eu-central-1");
    for platform in ["amd64", "arm64"] {
        there.push("far", Some(&format!("1-{platform}")), &Image::oci(&format!("linux/{platform}")));
    }
    push_both(&world, "app", "1");
    assert_eq!(counts(&sweep(&world, &json!({}))), [2, 2, 0, 0, 0]);
    assert_eq!(counts(&sweep(&world, &json!({"account": "210987654321"}))), [1, 0, 1, 0, 0]);
    assert_outcome(&try_sweep(&world, &json!({"account": "210987654322"})), "ignored");
    assert!(there.tag("far", "1").is_some());
}

#[test]
fn an_account_that_is_named_twice_is_swept_once() {
    let accounts = "123456789012,210987654321,210987654321";
    let world = World::with(|setup| setup.set("SWEEP_PUTS_PER_SECOND", "1000").set("ACCOUNTS", accounts));
    push_both(&world, "app", "1");
    assert_eq!(counts(&sweep(&world, &json!({}))), [1, 1, 0, 0, 0]);
    assert_eq!(world.calls("DescribeRepositories").len(), 2);
}

#[test]
fn a_version_that_a_listing_shows_and_a_read_does_not_is_incomplete_by_what_the_read_lacks() {
    let world = fast();
    world.ecr.clock().set(SystemTime::now() - HOUR * 2);
    push_both(&world, "app", "1");
    world.registry.hide("app", "1-arm64", u32::MAX);
    let swept = sweep(&world, &json!({}));
    assert_eq!(swept["incomplete"], json!([{"repository": "app", "version": "1", "missing": ["linux/arm64"]}]));
}

#[test]
fn a_write_that_was_throttled_is_sent_again_in_its_turn() {
    let world = World::with(|setup| setup.set("SWEEP_PUTS_PER_SECOND", "4"));
    for version in 0..6 {
        push_both(&world, "app", &version.to_string());
    }
    world.ecr.faults().add(Fault::on("PutImage", FaultKind::Throttle).skip(1).times(3));
    assert_eq!(counts(&sweep(&world, &json!({}))), [6, 6, 0, 0, 0]);
    let puts = world.calls("PutImage");
    assert_eq!(puts.len(), 9);
    for pair in puts.windows(2) {
        let gap = pair[1].started - pair[0].started;
        assert!(gap >= Duration::from_millis(230), "two writes within {gap:?}");
    }
}

#[test]
fn the_digest_of_a_list_is_the_same_by_sweep_and_by_event() {
    let (one, two) = (fast(), fast());
    for world in [&one, &two] {
        push_both(world, "app", "1");
    }
    sweep(&one, &json!({}));
    two.announce("1-arm64").unwrap();
    assert_eq!(one.registry.tag("app", "1"), two.registry.tag("app", "1"));
}
