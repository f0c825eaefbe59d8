//! Fault injection at every call: each kind of reconciliation, each call that it makes, each fault.
//!
//! The calls are those that a run without faults leaves in the journal, so a call that is added to the function is
//! covered without a change here.

mod alias_scenario;
mod image_tag_scenario;
mod scenario;

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use local_ecr::{BLOB, Fault, FaultKind, LocalEcr, Options, RegistryHandle};
use serde_json::Value;

use crate::support::function::{Failure, Function, FunctionBuilder};
use scenario::{ExpectedTag, Fixture, Scenario, VERSION};

/// The time from an invocation to its deadline.
const DEADLINE: Duration = Duration::from_secs(30);
/// The same for a call that is never answered, or throttled for ever, which is repeated until shortly before the deadline:
/// long enough for all other calls of the invocation, also where other tests use the processor.
const SHORT_DEADLINE: Duration = Duration::from_secs(3);

/// A fault of one call.
struct FaultCase {
    name: &'static str,
    fault: FaultKind,
    /// Whether the fault affects all calls from this one on; otherwise only this one.
    is_lasting: bool,
    /// The outcomes or error types that are allowed.
    expected_outcomes: &'static [Option<&'static str>],
}

/// The outcome that the scenario has without the fault.
const AS_WITHOUT_FAULT: Option<&str> = None;
const REFUSED: Option<&str> = Some("RegistryRefused");
const UNAVAILABLE: Option<&str> = Some("RegistryUnavailable");
/// ECR does not answer in time: an error, or aliases that are left to the sweep.
const OUT_OF_TIME: &[Option<&str>] = &[UNAVAILABLE, Some("pending")];
/// In a sweep that names the repository, the call ends with the share of the repository, and is made again.
const ENDED_WITH_THE_SHARE: &[Option<&str>] = &[AS_WITHOUT_FAULT, UNAVAILABLE];
/// A wrong byte in an answer of ECR may be part of its JSON, of a manifest, or of a name.
const CORRUPT: &[Option<&str>] =
    &[AS_WITHOUT_FAULT, UNAVAILABLE, Some("CorruptImage"), Some("UnsupportedImage"), Some("TagConflict")];

fn fault_cases(operation: &str, scenario: Scenario) -> Vec<FaultCase> {
    let is_blob = operation == BLOB;
    let is_refused_write = scenario.expected_outcome == "TagConflict" && operation == "PutImage";
    // If ECR rejects a read of several versions, the sweep reads each of them separately.
    let is_read_again = scenario.is_sweep && operation == "BatchGetImage";
    let refused = |status, code: &str| {
        let message = String::from("not for you");
        FaultKind::Error { status, code: code.to_owned(), message }
    };
    let once = |name, fault, expected_outcomes| FaultCase { name, fault, is_lasting: false, expected_outcomes };
    let lasting = |name, fault, expected_outcomes| FaultCase { name, fault, is_lasting: true, expected_outcomes };
    let mut cases = vec![
        once("throttle", FaultKind::Throttle, &[AS_WITHOUT_FAULT]),
        once("500", FaultKind::server_error(), &[AS_WITHOUT_FAULT]),
        once("503", FaultKind::Status(503), &[AS_WITHOUT_FAULT]),
        once("reset before", FaultKind::ResetBefore, &[AS_WITHOUT_FAULT]),
        once("reset after", FaultKind::ResetAfter, &[AS_WITHOUT_FAULT]),
        once("hang", FaultKind::Hang, if scenario.is_sweep { ENDED_WITH_THE_SHARE } else { OUT_OF_TIME }),
        once("denied", refused(if is_blob { 403 } else { 400 }, "AccessDeniedException"), &[Some("AccessDenied")]),
        once(
            "refused",
            refused(400, "ValidationException"),
            if is_read_again { &[AS_WITHOUT_FAULT, REFUSED] } else { &[REFUSED] },
        ),
        once("truncated", FaultKind::Truncated, &[AS_WITHOUT_FAULT, UNAVAILABLE]),
        once("corrupt", FaultKind::Corrupt, if is_blob { &[Some("CorruptImage")] } else { CORRUPT }),
        once(
            "not JSON",
            FaultKind::NotJson,
            match () {
                () if is_blob => &[Some("CorruptImage")],
                // A rejection whose code and message are lost.
                () if is_refused_write => &[REFUSED],
                () => &[AS_WITHOUT_FAULT, UNAVAILABLE],
            },
        ),
        lasting("lasting throttle", FaultKind::Throttle, OUT_OF_TIME),
        lasting("lasting reset after", FaultKind::ResetAfter, &[UNAVAILABLE]),
    ];
    if is_blob {
        cases.push(once("endless", FaultKind::Endless, &[Some("CorruptImage")]));
    }
    cases
}

/// The nth call of an operation.
type Position = (String, u64);

/// An ECR with a repository for each case.
struct FaultTestBed {
    ecr: LocalEcr,
    registry: RegistryHandle,
    repositories: u32,
}

impl FaultTestBed {
    fn new() -> Self {
        let ecr = LocalEcr::start(Options::default()).unwrap();
        scenario::push_late_images(&ecr);
        Self { registry: ecr.home(), ecr, repositories: 0 }
    }

    fn start_function(&self, scenario: Scenario) -> Function {
        let function = FunctionBuilder::new(&self.ecr).env("SWEEP_PUTS_PER_SECOND", "1000");
        function.env("ALIASES", scenario.aliases).env("IMAGE_TAGS", scenario.image_tags).start()
    }

    /// A repository name that no other case has.
    fn next_repository(&mut self, name: &str) -> String {
        self.repositories += 1;
        format!("{name}-{:02x}", self.repositories)
    }
}

/// The calls of a run without faults.
fn record_calls(name: &str, scenario: Scenario) -> Vec<Position> {
    let mut bed = FaultTestBed::new();
    let repository = bed.next_repository(name);
    let expected = (scenario.prepare)(&Fixture { registry: &bed.registry, repository: &repository });
    let outcome = outcome_of(&bed.start_function(scenario).invoke(&(scenario.input)(&repository)));
    assert_eq!(outcome, scenario.expected_outcome);
    assert_reached(&bed.registry, &repository, &expected, name);
    let mut counts = BTreeMap::new();
    let calls = bed.ecr.journal().into_iter().map(|call| {
        let count = counts.entry(call.operation.clone()).or_insert(0);
        *count += 1;
        (call.operation, *count - 1)
    });
    calls.collect()
}

/// The outcome or error type; of a sweep, that of the first version that failed. Aliases that are left to the sweep, or
/// alone, count more than the outcome of their version.
fn outcome_of(answer: &Result<Value, Failure>) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let has_alias = |answer: &Value, outcome: &str| {
        answer["aliases"].as_array().is_some_and(|aliases| aliases.iter().any(|alias| alias["outcome"] == outcome))
    };
    match answer {
        Err(failure) => failure.error_type.clone(),
        Ok(answer) if has_alias(answer, "pending") => "pending".to_owned(),
        Ok(answer) if has_alias(answer, "conflict") => "conflict".to_owned(),
        Ok(answer) if answer["outcome"] != "swept" => text(&answer["outcome"]),
        Ok(answer) if answer["failed_total"] != 0 => text(&answer["failed"][0]["error"]),
        Ok(answer) if answer["complete"] == false => "RegistryUnavailable".to_owned(),
        Ok(answer) => text(&answer["outcome"]),
    }
}

/// Injects every fault at every call of a scenario, the calls in parallel.
fn check(name: &str, scenario: Scenario) {
    let calls = record_calls(name, scenario);
    assert!(!calls.is_empty());
    thread::scope(|scope| {
        for call in &calls {
            scope.spawn(|| inject_all(name, scenario, call));
        }
    });
}

/// Injects every fault at one call, each in a repository of its own.
fn inject_all(name: &str, scenario: Scenario, (operation, position): &Position) {
    let mut bed = FaultTestBed::new();
    let mut function = bed.start_function(scenario);
    for case in fault_cases(operation, scenario) {
        let repository = bed.next_repository(name);
        let label = format!("{name}: {} at {operation} {position}", case.name);
        let expected = (scenario.prepare)(&Fixture { registry: &bed.registry, repository: &repository });
        bed.ecr.clear_journal();
        let fault = Fault::on(operation, case.fault.clone()).skip(*position);
        bed.ecr.faults().add(if case.is_lasting { fault } else { fault.times(1) });

        let input = (scenario.input)(&repository);
        function = function.with_remaining_time(match case.fault {
            FaultKind::Hang => SHORT_DEADLINE,
            FaultKind::Throttle if case.is_lasting && operation != BLOB => SHORT_DEADLINE,
            _ => DEADLINE,
        });
        let answer = function.invoke(&input);
        let outcome = outcome_of(&answer);
        let is_allowed = |allowed: Option<&str>| outcome == allowed.unwrap_or(scenario.expected_outcome);
        assert!(case.expected_outcomes.iter().copied().any(is_allowed), "{label}: {answer:?}");
        let calls = bed.ecr.journal().iter().filter(|call| call.operation == *operation).count() as u64;
        assert!(calls > *position, "{label}: the call was not made");
        assert_history_allowed(&bed.registry, &repository, &expected, &label);
        if outcome == scenario.expected_outcome {
            assert_reached(&bed.registry, &repository, &expected, &label);
        } else if outcome == "pending" {
            // Only the aliases are.
            let others: Vec<_> = expected.iter().filter(|expected| expected.tag == VERSION).cloned().collect();
            assert_reached(&bed.registry, &repository, &others, &label);
        }

        bed.ecr.faults().clear();
        function = function.with_remaining_time(DEADLINE);
        if case.fault == FaultKind::Throttle {
            // The gate that was throttled stays slow, so the next case starts with a new one.
            function = bed.start_function(scenario);
        }
        let label = format!("{label}, repaired");
        let again = outcome_of(&function.invoke(&scenario.repair.map_or(input, |repair| repair(&repository))));
        let is_expected = match (scenario.expected_outcome, again.as_str()) {
            _ if scenario.repair.is_some() => again == "swept",
            ("published" | "tagged" | "yanked", "unchanged") => true,
            (expected, again) => again == expected,
        };
        assert!(is_expected, "{label}: {again}");
        assert_reached(&bed.registry, &repository, &expected, &label);
        assert_history_allowed(&bed.registry, &repository, &expected, &label);
    }
}

/// Asserts that each tag names what it must in the end.
#[track_caller]
fn assert_reached(registry: &RegistryHandle, repository: &str, expected: &[ExpectedTag], label: &str) {
    for ExpectedTag { tag, after, .. } in expected {
        assert_eq!(registry.tag(repository, tag), *after, "{label}: {tag}");
    }
}

/// Asserts that each tag has only named expected digests.
#[track_caller]
fn assert_history_allowed(registry: &RegistryHandle, repository: &str, expected: &[ExpectedTag], label: &str) {
    for ExpectedTag { tag, before, temporary, after } in expected {
        let allowed: Vec<_> = temporary.iter().chain(before).chain(after).collect();
        for list in registry.history(repository, tag) {
            assert!(allowed.contains(&&list), "{label}: {tag} named {list}");
        }
    }
}

macro_rules! fault_tests {
    ($($test:ident: $module:ident::$scenario:ident,)*) => {
        $(
            #[test]
            fn $test() {
                check(&stringify!($scenario).to_lowercase().replace('_', "-"), $module::$scenario);
            }
        )*
    };
}

fault_tests! {
    waiting_version_survives_faults: scenario::WAITING,
    first_list_survives_faults: scenario::FIRST,
    attested_list_survives_faults: scenario::ATTESTED,
    unchanged_list_survives_faults: scenario::UNCHANGED,
    out_of_date_list_survives_faults: scenario::OUT_OF_DATE,
    list_outrun_by_push_survives_faults: scenario::OUTRUN,
    dry_run_writes_nothing_despite_faults: scenario::DRY_RUN,
    immutable_list_survives_faults: scenario::IMMUTABLE,
    immutable_tag_keeps_its_list_despite_faults: scenario::IMMUTABLE_OUT_OF_DATE,
    sweep_survives_faults: scenario::SWEEP,
    deep_sweep_survives_faults: scenario::DEEP_SWEEP,
    sweep_of_two_repositories_survives_faults: scenario::SWEEP_OF_TWO,
    aliases_of_release_survive_faults: alias_scenario::RELEASE,
    sweep_repairs_aliases_that_no_event_repeats: alias_scenario::UNREPEATED_RELEASE,
    aliases_of_rebuilt_release_survive_faults: alias_scenario::REBUILT_RELEASE,
    lost_alias_survives_faults: alias_scenario::LOST_ALIAS,
    foreign_alias_is_left_alone_despite_faults: alias_scenario::FOREIGN_ALIAS,
    yank_survives_faults: alias_scenario::YANK,
    pushed_marker_survives_faults: alias_scenario::PUSHED_MARKER,
    sweep_of_release_with_aliases_survives_faults: alias_scenario::SWEEP_OF_RELEASE,
    sweep_of_marker_survives_faults: alias_scenario::SWEEP_OF_MARKER,
    image_tags_of_pushed_list_survive_faults: image_tag_scenario::PUSHED_LIST,
    image_tags_of_moved_list_survive_faults: image_tag_scenario::MOVED_LIST,
    image_tags_of_published_list_survive_faults: image_tag_scenario::PUBLISHED_LIST,
    sweep_of_pushed_list_survives_faults: image_tag_scenario::SWEEP_OF_PUSHED_LIST,
}
