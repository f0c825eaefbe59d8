"""The events by which the sweep of a registry tells what it found."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from simulation import Failed, Simulation, rendered

Json = Any
HOUR = 3_600
REGISTRY = {"account": "2" * 12, "region": "eu-west-1"}
OTHER = {"account": "3" * 12, "region": "eu-west-1"}


def incomplete(version: str, age: int = 0, repository: str = "app") -> Json:
    """An entry of a version that lacks a platform, and whose newest one was pushed so many seconds before a time."""
    since = (datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**REGISTRY, "repository": repository, "version": version, "missing": ["linux/arm64"], "since": since}


def answer(found: Sequence[Json] = (), **fields: Any) -> Json:
    """An answer of the sweeper that found these incomplete versions."""
    return {"outcome": "swept", "published": 0, "failed_total": 0, "complete": True, "incomplete": [*found], **fields}


class Hours(Simulation):
    """A registry that is swept each hour, with these answers to its rounds, one after the other."""

    def __init__(self, *answers: "Json | Failed", refused_puts: int = 0) -> None:
        super().__init__({"registry": rendered("registry-sweep.asl.json", SweeperArn="sweeper")}, self.answer)
        self.answers = iter(answers)
        self.refused_puts = refused_puts
        self.started = 0

    def answer(self, request: Json) -> "tuple[float, Json | Failed]":
        """Takes a minute."""
        return 60.0, next(self.answers)

    def sweep(self, registry: Json = REGISTRY, **parameters: Any) -> list[tuple[str, str, bool]]:
        """Sweeps a registry, and returns the new events: type, version or tag, and whether it is the first of its kind."""
        before = len(self.events)
        self.started += 1
        name = f"{registry['account']}-{registry['region']}-{self.started}"
        self.start_at(self.now + HOUR, "registry", {**registry, **parameters}, name)
        self.run()
        new = self.events[before:]
        assert {event["Source"] for event in new} <= {"ecr-multiarch"}
        return [
            (event["DetailType"], named(event["Detail"]), event["Detail"]["first"])
            for event in new
        ]


def named(detail: Json) -> str:
    """What an event is about: a version, an alias, or else an error of the registry."""
    return detail.get("version") or detail.get("tag") or detail["error"]


def firsts(events: list[tuple[str, str, bool]]) -> list[str]:
    """The versions that are told for the first time."""
    return [version for _, version, first in events if first]


def test_each_entry_is_an_event_and_first_once() -> None:
    failed = {**REGISTRY, "repository": "app", "version": "2", "error": "PlatformMismatch", "message": "m", "since": None}
    alias = {**REGISTRY, "repository": "app", "tag": "latest", "reason": "immutable", "since": None}
    found = answer([incomplete("1")], failed=[failed], alias_conflicts=[alias])
    hours = Hours(found, found, answer([incomplete("1"), incomplete("3")]), answer(), answer([incomplete("1")]))
    types = ["ECR Version Incomplete", "ECR Version Failed", "ECR Alias Conflict"]
    assert hours.sweep() == [(types[0], "1", True), (types[1], "2", True), (types[2], "latest", True)]
    assert [event["Detail"] for event in hours.events] == [
        {**entry, "first": True} for entry in (incomplete("1"), failed, alias)
    ]
    assert firsts(hours.sweep()) == []
    assert hours.sweep() == [(types[0], "1", False), (types[0], "3", True)]
    assert hours.sweep() == []
    assert firsts(hours.sweep()) == ["1"], "it was gone meanwhile"


def test_a_new_push_of_another_platform_is_not_first() -> None:
    hours = Hours(answer([incomplete("1", 60)]), answer([incomplete("1")]))
    assert [firsts(hours.sweep()), firsts(hours.sweep())] == [["1"], []]


def test_what_several_rounds_find_is_told_once() -> None:
    found = [incomplete("1"), incomplete("2")]
    hours = Hours(answer(found, next="b", complete=False), answer([*found, incomplete("1", repository="b")]))
    assert firsts(hours.sweep()) == ["1", "2", "1"]


def denied(error: str = "AccessDenied") -> Failed:
    """The error of a sweep that could not scan the registry, as Lambda gives it."""
    return Failed(error, f'{{"errorType":"{error}","errorMessage":"allow \\"it\\"","trace":[]}}')


def test_a_registry_that_cannot_be_scanned_is_told_once() -> None:
    hours = Hours(denied(), denied(), answer(), denied(), denied("Sandbox.OutOfMemory"), denied("Sandbox.OutOfMemory"))
    kind = "ECR Version Failed"
    assert hours.sweep() == [(kind, "AccessDenied", True)]
    assert hours.events[-1]["Detail"] == {
        **REGISTRY,
        "repository": None,
        "version": None,
        "error": "AccessDenied",
        "message": 'allow "it"',
        "since": None,
        "first": True,
    }
    assert hours.executions[-1].failure.error == "AccessDenied"
    assert hours.sweep() == [(kind, "AccessDenied", False)]
    assert hours.sweep() == []
    assert hours.sweep() == [(kind, "AccessDenied", True)]
    assert hours.sweep() == [(kind, "Sandbox.OutOfMemory", True)], "of another error"
    assert hours.sweep() == [(kind, "Sandbox.OutOfMemory", False)]


def test_a_failure_of_another_registry_does_not_count() -> None:
    hours = Hours(denied(), denied())
    assert firsts(hours.sweep()) == ["AccessDenied"]
    assert firsts(hours.sweep(OTHER)) == ["AccessDenied"]


def test_an_error_without_json_is_told_as_it_is() -> None:
    hours = Hours(Failed("Lambda.AccessDeniedException", "not authorized"))
    hours.sweep()
    assert hours.events[-1]["Detail"]["message"] == "not authorized"


def test_what_failed_before_and_after_a_failed_scan_is_known() -> None:
    found = answer([incomplete("1")])
    hours = Hours(found, denied(), found)
    assert [firsts(hours.sweep()) for _ in range(3)] == [["1"], ["AccessDenied"], []]


def test_a_refused_event_of_a_failure_does_not_hide_it() -> None:
    hours = Hours(denied(), refused_puts=9)
    assert hours.sweep() == []
    assert hours.executions[-1].failure.error == "AccessDenied"


def test_ten_events_are_put_in_a_call() -> None:
    for count in (1, 10, 11, 25):
        hours = Hours(answer([incomplete(str(version)) for version in range(count)]))
        assert len(hours.sweep()) == count


def test_refused_events_are_put_again_and_do_not_stop_the_sweep() -> None:
    found = answer([incomplete("1")])
    hours = Hours(found, found, refused_puts=3)
    assert [firsts(hours.sweep()), firsts(hours.sweep())] == [["1"], []]
    hours = Hours(found, found, found, refused_puts=4)
    assert [firsts(hours.sweep()) for _ in range(3)] == [[], ["1"], []]
    assert all(execution.failure is None for execution in hours.executions)


def test_beyond_five_hundred_keys_the_time_decides() -> None:
    many = [incomplete(f"old-{index}", age=10_000 + index) for index in range(520)]
    parts = [many[begin : begin + 100] for begin in range(0, 520, 100)]

    def rounds(extra: list[Json]) -> list[Json]:
        unfinished = [answer(part, next=f"{index}", complete=False) for index, part in enumerate(parts)]
        return [*unfinished, answer(extra)]

    hours = Hours(*rounds([]), *rounds([incomplete("new")]), *rounds([incomplete("new"), incomplete("older", 10_700)]))
    assert len(firsts(hours.sweep())) == 520
    output = hours.executions[-1].output
    assert (len(output["keys"]), output["cut"]) == (500, many[500]["since"])
    assert firsts(hours.sweep()) == ["new"]
    assert firsts(hours.sweep()) == [], "a version as old as those that were cut may have been among them"


def test_only_a_sweep_that_finished_the_same_registry_counts() -> None:
    found, not_served = answer([incomplete("1")]), {"outcome": "ignored"}
    hours = Hours(found, *[answer() for _ in range(300)], found, not_served, found)
    assert firsts(hours.sweep()) == ["1"]
    for _ in range(300):
        hours.sweep(OTHER)
    assert firsts(hours.sweep()) == [], "it is on the second page"
    hours.sweep()
    assert firsts(hours.sweep()) == []


def test_a_sweep_from_a_name_adds_to_what_is_known() -> None:
    hours = Hours(answer([incomplete("1")]), answer([incomplete("2")]), answer([incomplete("1"), incomplete("2")]))
    assert firsts(hours.sweep()) == ["1"]
    assert firsts(hours.sweep(**{"from": "b"})) == ["2"]
    assert firsts(hours.sweep()) == []
