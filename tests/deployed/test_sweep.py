"""Sweeps: by the state machines, from the schedule to the published lists, and by request.

The stack serves six registries: two accounts in three Regions. Each test has a repository of its own.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.local_ecr import LocalEcr
from support.registry import HOME, MEMBER_ACCOUNT, REGISTRIES, Registry
from support.relay import DENIED, THROTTLED, UNAVAILABLE, Relay
from support.stack import Stack
from support.state_machine import StateMachine
from support.waiting import eventually


@pytest.fixture
def sweep(stack: Stack) -> StateMachine:
    """The state machine that sweeps all registries."""
    return StateMachine(stack.emulator, stack.output("SweepMachineArn"))


@pytest.fixture
def registry_sweep(stack: Stack) -> StateMachine:
    """The state machine that sweeps one registry."""
    return StateMachine(stack.emulator, stack.output("RegistrySweepMachineArn"))


def test_an_execution_publishes_lost_versions_in_all_registries(
    sweep: StateMachine, registry_sweep: StateMachine, ecr: LocalEcr
) -> None:
    pushed = {registry: ecr.push_version("team-a/lost", "1.0.0", registry) for registry in REGISTRIES}
    before = len(registry_sweep.executions())
    written, complete = sweep.complete_sweeps()
    output = sweep.start().output()
    assert (output["registries"], output["not_swept"]) == (6, [])
    assert {registry: ecr.platforms("team-a/lost", "1.0.0", registry) for registry in REGISTRIES} == pushed
    assert sweep.complete_sweeps() == (written + 1, complete + 1)

    started = registry_sweep.executions()[: len(registry_sweep.executions()) - before]
    names = {f"{registry.account}-{registry.region}" for registry in REGISTRIES}
    # A unique identifier follows, of 36 characters.
    assert {execution.name[:-37] for execution in started} == names


def test_a_registry_is_swept_round_after_round(registry_sweep: StateMachine, ecr: LocalEcr, relay: Relay) -> None:
    registry = REGISTRIES[1]
    # Finished by its scan, since it lacks a platform.
    ecr.push("team-a/rounds", "1.0.0-amd64", "amd64", registry)
    # At two writes a second, a sweep of three seconds publishes about seven.
    repositories = [f"team-a/rounds-{number:02}" for number in range(12)]
    for repository in repositories:
        ecr.push_version(repository, "1.0.0", registry)
    before = len(relay.calls)
    execution = registry_sweep.start(account=registry.account, region=registry.region)
    output = execution.output()
    expected = {"account": registry.account, "region": registry.region, "complete": True, "failed_total": 0}
    assert {**output, **expected} == output
    assert all(ecr.platforms(repository, "1.0.0", registry) for repository in repositories)

    rounds = [json.loads(event["taskSucceededEventDetails"]["output"]) for event in execution.events("TaskSucceeded")]
    *earlier, last = [answer["Payload"] for answer in rounds if "Payload" in answer]
    assert earlier and all("next" in answer or "unfinished" in answer for answer in earlier), rounds
    assert "next" not in last and "unfinished" not in last, last
    # A repository that was finished is not scanned again: later rounds begin after it, or name others.
    scans = [call.repository for call in relay.calls[before:] if call.operation == "DescribeImages"]
    assert scans.count("team-a/rounds") == 1


def test_a_registry_that_fails_does_not_stop_the_others(
    sweep: StateMachine, registry_sweep: StateMachine, ecr: LocalEcr, relay: Relay
) -> None:
    denied, throttled, *others = REGISTRIES
    pushed = {registry: ecr.push_version("team-a/others", "1.0.0", registry) for registry in others}
    written, complete = sweep.complete_sweeps()
    with relay.refusing(denied, DENIED), relay.refusing(throttled, THROTTLED):
        # Two rounds in place of 50.
        with registry_sweep.replacing('"max_rounds": 50', '"max_rounds": 2'):
            error, cause = sweep.start().error()
    assert error == "SweepIncomplete"
    assert cause == (
        "2 of 6 registries failed or were not finished: "
        f"{denied.account} {denied.region} AccessDenied, {throttled.account} {throttled.region} NotFinished"
    )
    assert {registry: ecr.platforms("team-a/others", "1.0.0", registry) for registry in others} == pushed
    assert sweep.complete_sweeps() == (written + 1, complete)


def test_a_version_that_fails_does_not_fail_the_execution(sweep: StateMachine, ecr: LocalEcr) -> None:
    ecr.push("team-a/mismatch", "1.0.0-amd64", "arm64")
    ecr.push("team-a/mismatch", "1.0.0-arm64", "arm64")
    output = sweep.start().output()
    assert output["failed_total"] > 0
    assert output["not_swept"] == []


def test_an_execution_skips_what_another_one_is_sweeping(
    sweep: StateMachine, registry_sweep: StateMachine, ecr: LocalEcr, relay: Relay
) -> None:
    home = f"{HOME.account}-{HOME.region}-"

    def is_only_home_left() -> bool:
        running = registry_sweep.executions("RUNNING")
        return [execution.name.startswith(home) for execution in running] == [True]

    written, complete = sweep.complete_sweeps()
    with relay.refusing(HOME, THROTTLED):
        older = sweep.start()
        eventually("only one registry is left", is_only_home_left)
        pushed = {registry: ecr.push_version("team-a/skips", "1.0.0", registry) for registry in REGISTRIES}
        newer = sweep.start()
        output = newer.output()
        assert output["skipped"] == [f"{HOME.account} {HOME.region}"]
        assert (output["registries"], output["not_swept"]) == (6, [])
        assert older.is_running()
        assert sweep.complete_sweeps() == (written + 1, complete), "not all registries were swept"
        others = [registry for registry in REGISTRIES if registry != HOME]
        assert all(ecr.platforms("team-a/skips", "1.0.0", registry) == pushed[registry] for registry in others)
    assert older.output()["not_swept"] == []
    assert sweep.complete_sweeps() == (written + 2, complete + 1)


def test_an_execution_sweeps_only_the_accounts_of_its_input(sweep: StateMachine, ecr: LocalEcr) -> None:
    member = Registry(MEMBER_ACCOUNT, HOME.region)
    for registry in (HOME, member):
        ecr.push_version("team-a/accounts", "1.0.0", registry)
    written = sweep.complete_sweeps()
    assert sweep.start(accounts=[MEMBER_ACCOUNT]).output()["registries"] == 3
    assert ecr.platforms("team-a/accounts", "1.0.0", member) is not None
    assert ecr.platforms("team-a/accounts", "1.0.0", HOME) is None
    assert sweep.complete_sweeps() == written, "a sweep of some accounts must not hide that the schedule fails"


def test_an_execution_can_be_deep_and_bounded(sweep: StateMachine, registry_sweep: StateMachine) -> None:
    sweep.start(deep=True, max_age="30d").output()
    request = json.loads(registry_sweep.executions()[0].description()["input"])
    assert request["deep"] is True
    assert request["max_age"] == "30d"
    sweep.start().output()
    assert "max_age" not in json.loads(registry_sweep.executions()[0].description()["input"])


@contextmanager
def without_concurrency(stack: Stack) -> Iterator[None]:
    """Lets Lambda throttle all invocations of the sweeper."""
    client, name = stack.emulator.client("lambda"), stack.output("SweeperArn")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        client.delete_function_concurrency(FunctionName=name)


def test_an_invocation_that_lambda_throttles_is_retried(stack: Stack, registry_sweep: StateMachine) -> None:
    with without_concurrency(stack):
        execution = registry_sweep.start(account=HOME.account, region=HOME.region)
        eventually("an invocation is throttled", execution.task_errors)
    assert execution.output()["complete"] is True
    assert execution.task_errors() == {"Lambda.TooManyRequestsException"}


def test_a_sweep_whose_registry_is_unavailable_is_retried(registry_sweep: StateMachine, relay: Relay) -> None:
    with relay.refusing(HOME, UNAVAILABLE):
        execution = registry_sweep.start(account=HOME.account, region=HOME.region)
        eventually("a sweep fails", execution.task_errors)
    assert execution.output()["complete"] is True
    assert execution.task_errors() == {"RegistryUnavailable"}


def test_a_request_sweeps_without_the_state_machines(stack: Stack, sweep: StateMachine, ecr: LocalEcr) -> None:
    pushed = ecr.push_version("team-a/by-hand", "1.0.0")
    before = len(sweep.executions())
    request = {"action": "sweep", "repositories": ["team-a/by-hand"]}
    assert stack.invoke({**request, "dry_run": True}, "Sweeper")["would_publish"] == 1
    assert stack.invoke(request, "Sweeper")["published"] == 1
    assert ecr.platforms("team-a/by-hand", "1.0.0") == pushed
    assert len(sweep.executions()) == before


def test_the_schedule_starts_an_execution(stack: Stack, sweep: StateMachine, ecr: LocalEcr) -> None:
    pushed = ecr.push_version("team-a/scheduled", "1.0.0")
    before = len(sweep.executions())
    with stack.scheduled():
        # A minute after the deployment, at the earliest.
        eventually("the schedule starts an execution", lambda: len(sweep.executions()) > before, seconds=75)
    execution = sweep.executions()[0]
    assert json.loads(execution.description()["input"]) == {"max_age": "30d"}
    execution.output()
    assert ecr.platforms("team-a/scheduled", "1.0.0") == pushed
