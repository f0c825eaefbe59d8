//! A fault at every call: each kind of reconciliation, each call that it makes, each thing that can go wrong with it.
//!
//! The calls are those that a run without faults leaves in the journal, so a call that is added to the function is
//! struck by every fault as well.

mod kind;
pub mod version;

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use local_ecr::{BLOB, Fault, FaultKind, LocalEcr, Options, Registry};
use serde_json::Value;

use crate::function::{Failure, Function, Setup};
use kind::{Expected, Kind, Scene, VERSION};

/// What an invocation is left.
const TIME: Duration = Duration::from_secs(30);
/// What it is left in the cases in which a call is never answered.
const HURRIED: Duration = Duration::from_millis(600);

/// A fault of one call.
struct Trouble {
    name: &'static str,
    fault: FaultKind,
    /// From this call on, for ever; otherwise once.
    lasts: bool,
    /// How it may end. None stands for the end that it has without the fault.
    ends: &'static [Option<&'static str>],
}

const RIGHT: Option<&str> = None;
const REFUSED: Option<&str> = Some("RegistryRefused");
const UNAVAILABLE: Option<&str> = Some("RegistryUnavailable");

fn troubles(operation: &str, kind: Kind) -> Vec<Trouble> {
    let is_blob = operation == BLOB;
    let is_refused_anyway = kind.ends == "TagConflict" && operation == "PutImage";
    // What ECR refuses to read for many versions at once, the sweep reads again for each by itself.
    let may_be_read_apart = kind.is_sweep && operation == "BatchGetImage";
    let refused = |status, code: &str| {
        let message = String::from("not for you");
        FaultKind::Error { status, code: code.to_owned(), message }
    };
    let once = |name, fault, ends| Trouble { name, fault, lasts: false, ends };
    let lasting = |name, fault, ends| Trouble { name, fault, lasts: true, ends };
    let mut troubles = vec![
        once("throttle", FaultKind::Throttle, &[RIGHT]),
        once("500", FaultKind::server_error(), &[RIGHT]),
        once("503", FaultKind::Status(503), &[RIGHT]),
        once("reset before", FaultKind::ResetBefore, &[RIGHT]),
        once("reset after", FaultKind::ResetAfter, &[RIGHT]),
        once("hang", FaultKind::Hang, &[UNAVAILABLE]),
        once("denied", refused(if is_blob { 403 } else { 400 }, "AccessDeniedException"), &[Some("AccessDenied")]),
        once(
            "refused",
            refused(400, "InvalidParameterException"),
            if may_be_read_apart { &[RIGHT, REFUSED] } else { &[REFUSED] },
        ),
        once("truncated", FaultKind::Truncated, &[RIGHT, UNAVAILABLE]),
        once("corrupt", FaultKind::Corrupt, if is_blob { &[Some("CorruptImage")] } else { CORRUPT }),
        once(
            "not JSON",
            FaultKind::NotJson,
            match () {
                () if is_blob => &[Some("CorruptImage")],
                // A refusal without a word.
                () if is_refused_anyway => &[REFUSED],
                () => &[RIGHT, UNAVAILABLE],
            },
        ),
        lasting("throttle for ever", FaultKind::Throttle, &[UNAVAILABLE]),
        lasting("reset after for ever", FaultKind::ResetAfter, &[UNAVAILABLE]),
    ];
    if is_blob {
        troubles.push(once("endless", FaultKind::Endless, &[Some("CorruptImage")]));
    }
    troubles
}

/// One wrong byte in an answer of ECR may fall on its JSON, on a manifest, or on a name.
const CORRUPT: &[Option<&str>] =
    &[RIGHT, UNAVAILABLE, Some("CorruptImage"), Some("UnsupportedImage"), Some("TagConflict")];

/// The nth call of an operation.
type Position = (String, u64);

struct World {
    ecr: LocalEcr,
    registry: Registry,
    repositories: u32,
}

impl World {
    fn new() -> Self {
        let ecr = LocalEcr::start(Options::default()).unwrap();
        kind::push_late_images(&ecr);
        Self { registry: ecr.home(), ecr, repositories: 0 }
    }

    fn function(&self) -> Function {
        Setup::with(&self.ecr).set("SWEEP_PUTS_PER_SECOND", "1000").start()
    }

    fn repository(&mut self, name: &str) -> String {
        self.repositories += 1;
        format!("{name}-{:02}x", self.repositories)
    }
}

/// The calls of a run without faults.
fn recorded(name: &str, kind: Kind) -> Vec<Position> {
    let mut world = World::new();
    let repository = world.repository(name);
    let expected = (kind.prepare)(&Scene { registry: &world.registry, repository: &repository });
    let end = end_of(kind, &world.function().invoke(&(kind.input)(&repository)));
    assert_eq!(end, kind.ends);
    assert_eq!(world.registry.tag(&repository, VERSION), expected.after);
    let mut counts = BTreeMap::new();
    let calls = world.ecr.journal().into_iter().map(|call| {
        let count = counts.entry(call.operation.clone()).or_insert(0);
        *count += 1;
        (call.operation, *count - 1)
    });
    calls.collect()
}

/// The outcome or error type. A sweep's is that of its one version.
fn end_of(kind: Kind, answer: &Result<Value, Failure>) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match answer {
        Err(failure) => failure.error_type.clone(),
        Ok(answer) if !kind.is_sweep => text(&answer["outcome"]),
        Ok(answer) if answer["failed_total"] == 1 => text(&answer["failed"][0]["error"]),
        Ok(answer) if answer["complete"] == false => "RegistryUnavailable".to_owned(),
        Ok(answer) => text(&answer["outcome"]),
    }
}

/// Strikes every call of a kind with everything that there is.
fn check(name: &str, kind: Kind) {
    let calls = recorded(name, kind);
    assert!(!calls.is_empty());
    thread::scope(|scope| {
        for call in &calls {
            scope.spawn(|| strike(name, kind, call));
        }
    });
}

/// Strikes one call with everything that there is.
fn strike(name: &str, kind: Kind, (operation, position): &Position) {
    let mut world = World::new();
    let mut function = world.function();
    for trouble in troubles(operation, kind) {
        let repository = world.repository(name);
        let case = format!("{name}: {} at {operation} {position}", trouble.name);
        let expected = (kind.prepare)(&Scene { registry: &world.registry, repository: &repository });
        world.ecr.clear_journal();
        let fault = Fault::on(operation, trouble.fault.clone()).skip(*position);
        world.ecr.faults().add(if trouble.lasts { fault } else { fault.times(1) });

        let input = (kind.input)(&repository);
        function = function.with_time_left(if trouble.fault == FaultKind::Hang { HURRIED } else { TIME });
        let answer = function.invoke(&input);
        let end = end_of(kind, &answer);
        let may_end = |allowed: Option<&str>| end == allowed.unwrap_or(kind.ends);
        assert!(trouble.ends.iter().copied().any(may_end), "{case}: {answer:?}");
        let struck = world.ecr.journal().iter().filter(|call| call.operation == *operation).count() as u64;
        assert!(struck > *position, "{case}: the call was not made");
        assert_never_wrong(&world.registry, &repository, &expected, &case);
        if end == kind.ends {
            assert_eq!(world.registry.tag(&repository, VERSION), expected.after, "{case}");
        }

        world.ecr.faults().clear();
        function = function.with_time_left(TIME);
        if kind.is_sweep && trouble.fault == FaultKind::Throttle {
            // What the sweep's client has learnt of a registry that throttles must not slow down the cases to come.
            function = world.function();
        }
        let again = end_of(kind, &function.invoke(&input));
        assert!(again == kind.ends || kind.ends == "published" && again == "unchanged", "{case}, retried: {again}");
        assert_eq!(world.registry.tag(&repository, VERSION), expected.after, "{case}, retried");
        assert_never_wrong(&world.registry, &repository, &expected, &case);
    }
}

#[track_caller]
fn assert_never_wrong(registry: &Registry, repository: &str, expected: &Expected, case: &str) {
    let allowed: Vec<_> = expected.between.iter().chain(&expected.before).chain(&expected.after).collect();
    for list in registry.history(repository, VERSION) {
        assert!(allowed.contains(&&list), "{case}: the tag named {list}");
    }
}

macro_rules! kinds {
    ($($test:ident: $kind:ident,)*) => {
        $(
            #[test]
            fn $test() {
                check(&stringify!($kind).to_lowercase().replace('_', "-"), kind::$kind);
            }
        )*
    };
}

kinds! {
    no_fault_makes_a_version_that_waits_wrong: WAITING,
    no_fault_makes_a_first_list_wrong: PLAIN,
    no_fault_makes_a_list_with_attestations_wrong: ATTESTED,
    no_fault_makes_a_list_that_is_there_wrong: UNCHANGED,
    no_fault_makes_the_next_list_wrong: REPUBLISHED,
    no_fault_makes_a_list_wrong_that_a_push_outran: RACED,
    no_fault_makes_a_dry_run_write: DRY_RUN,
    no_fault_makes_a_list_under_an_immutable_tag_wrong: IMMUTABLE,
    no_fault_moves_an_immutable_tag: TAKEN,
    no_fault_makes_a_sweep_write_a_wrong_list: SWEPT,
    no_fault_makes_a_deep_sweep_write_a_wrong_list: SWEPT_DEEP,
}
