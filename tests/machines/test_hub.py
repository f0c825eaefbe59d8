"""The hourly sweep of a hub: 120 registries, of which three are never finished."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from simulation import Execution, Failed, Simulation, rendered

from support.lambda_errors import CRASHES, NOT_READY

Json = Any
HOUR = 3_600
# The time that a run of the sweeper takes at most, and the rounds of a registry.
RUN = 880
ROUNDS = 50
ROOT = Path(__file__).parents[2]
DESIGN = ROOT / "docs" / "design.md"
RUNBOOK, COST = ROOT / "docs" / "runbook.md", ROOT / "docs" / "cost.md"
REGISTRIES = [{"account": f"{index:012}", "region": "eu-central-1"} for index in range(120)]
# The first ones: they have three of the four places from the beginning.
HOSTILE = [f"{registry['account']}-{registry['region']}" for registry in REGISTRIES[:3]]
OTHERS = [f"{registry['account']}-{registry['region']}" for registry in REGISTRIES[3:]]
SCHEDULED = {"max_age": "30d"}


class Hub(Simulation):
    """The state machines of a hub, most of whose registries take one sweep of so many seconds."""

    def __init__(self, seconds: float, hostile: list[str] | None = None, list_lag: float = 0) -> None:
        all_registries = rendered(
            "sweep.asl.json", SweeperArn="sweeper", RegistrySweepArn="registry", SweptAccounts="", UnsweptAccounts=""
        )
        one = rendered("registry-sweep.asl.json", SweeperArn="sweeper")
        super().__init__({"hub": all_registries, "registry": one}, self.answer, list_lag=list_lag)
        self.seconds = seconds
        self.hostile = HOSTILE if hostile is None else hostile

    def answer(self, request: Json) -> "tuple[float, Json | Failed]":
        """The answer of the sweeper."""
        if request["action"] == "registries":
            return 1, {"registries": REGISTRIES}
        if f"{request['account']}-{request['region']}" in self.hostile:
            # It publishes something in each run, so that it is sent again.
            left = {"unfinished": ["aaa"], "unfinished_total": 1, "complete": False}
            return RUN, {"outcome": "swept", "published": 1, "failed_total": 0, **left}
        return self.seconds, {"outcome": "swept", "published": 0, "failed_total": 0, "complete": True}

    def run_hours(self, hours: int) -> None:
        """Starts an execution in each of these hours, and carries out what happens in them."""
        for hour in range(hours):
            self.start_at(hour * HOUR, "hub", SCHEDULED)
        self.run(until=hours * HOUR)

    def sweeps(self, registry: str) -> list[Execution]:
        """The executions that sweep a registry, in the order of their starts."""
        return [execution for execution in self.of("registry") if registry_of(execution) == registry]

    def ended_by(self, starter: Execution) -> float:
        """After how long the last of the other registries was swept by an execution, in seconds."""
        times = [
            execution.ended
            for execution in self.of("registry")
            if execution.started_by == starter and registry_of(execution) in OTHERS and execution.ended is not None
        ]
        return max(times) - starter.started


def registry_of(execution: Execution) -> str:
    """The registry that an execution sweeps."""
    return f"{execution.input['account']}-{execution.input['region']}"


of_one_hub = pytest.mark.xdist_group("hub")
"""Of the tests that share a hub, whose simulation takes longest: one process makes it."""


@pytest.fixture(scope="module")
def hub() -> Hub:
    """A hub whose other registries take half a minute each, after 15 hours."""
    simulated = Hub(seconds=30)
    simulated.run_hours(15)
    return simulated


@of_one_hub
def test_all_others_are_swept_each_hour(hub: Hub) -> None:
    for registry in OTHERS:
        hours = {int(sweep.started // HOUR) for sweep in hub.sweeps(registry) if sweep.ended is not None}
        assert hours == set(range(15)), registry


@of_one_hub
def test_no_registry_is_swept_twice_at_the_same_time(hub: Hub) -> None:
    for registry in HOSTILE + OTHERS:
        sweeps = hub.sweeps(registry)
        for one, other in zip(sweeps, sweeps[1:], strict=False):
            assert one.ended is not None and one.ended <= other.started, registry


@of_one_hub
def test_a_registry_that_is_never_finished_has_its_fifty_rounds(hub: Hub) -> None:
    for registry in HOSTILE:
        first, second = hub.sweeps(registry)
        assert first.failure and first.failure.error == "NotFinished"
        assert first.ended is not None and first.ended - first.started == ROUNDS * RUN
        # The next hour after twelve hours and some.
        assert second.started // HOUR == 13


@of_one_hub
def test_executions_that_skip_registries_say_so_and_do_not_count_as_complete(hub: Hub) -> None:
    first, *later = hub.of("hub")
    skipped = [registry.replace("-", " ", 1) for registry in HOSTILE]
    ended = [execution for execution in later if not execution.is_running()]
    assert len(ended) == 13
    for execution in ended:
        assert execution.output["skipped"] == skipped, execution.name
        assert (execution.output["registries"], execution.output["not_swept"]) == (120, [])
    assert first.failure and first.failure.error == "SweepIncomplete"
    assert first.failure.cause.startswith("3 of 120 registries failed or were not finished")
    assert {value for _, value in hub.metrics} == {0}


@of_one_hub
def test_at_most_eight_registries_are_swept_at_a_time(hub: Hub) -> None:
    # Three that are never finished, one place of the first execution, and four of the next one.
    assert hub.most_at_a_time <= 8


def test_long_sweeps_of_many_registries_do_not_add_up() -> None:
    """All but three are never finished, so that executions overlap."""
    simulated = Hub(seconds=RUN, hostile=OTHERS)
    simulated.run_hours(6)
    assert simulated.most_at_a_time == 8
    overlapping = [execution for execution in simulated.of("hub") if execution.is_running()]
    # What begins while there is no room ends within the hour that follows, and leaves the rest to the others.
    assert len(overlapping) == 3


def test_a_hub_where_all_is_well_is_complete() -> None:
    simulated = Hub(seconds=30, hostile=[])
    simulated.run_hours(3)
    assert [value for _, value in simulated.metrics] == [1, 1, 1]
    assert [execution.output["skipped"] for execution in simulated.of("hub")] == [[], [], []]
    assert simulated.most_at_a_time == 4


@pytest.mark.parametrize(
    "error", [*CRASHES, *(f"Lambda.{error}" for error in NOT_READY), "Lambda.Unknown", "States.Timeout"]
)
def test_the_registries_are_asked_for_again_where_that_may_succeed(error: str) -> None:
    failures = iter(3 * [(1.0, Failed(error))])

    class Crashing(Hub):
        def answer(self, request: Json) -> "tuple[float, Json | Failed]":
            return super().answer(request) if request["action"] == "sweep" else next(failures, super().answer(request))

    simulated = Crashing(seconds=10, hostile=[])
    simulated.run_hours(1)
    assert [value for _, value in simulated.metrics] == [1]


@pytest.mark.parametrize("is_named", [True, False])
def test_a_registry_that_is_swept_by_hand_is_skipped_by_the_name_of_that(is_named: bool) -> None:
    """The command is that of the documents, for a registry of this hub."""
    [(name, parameters)] = re.findall(r"--name \"([^\"]+)\" \\\n +--input '(.+)'\n", RUNBOOK.read_text())
    ours, documented = REGISTRIES[3], json.loads(parameters)
    for field, value in ours.items():
        name = name.replace(documented[field], value)
    simulated = Hub(seconds=600, hostile=[])
    simulated.start_at(0, "registry", {**documented, **ours}, name if is_named else None)
    simulated.run_hours(1)
    [scheduled] = simulated.of("hub")
    sweeps = simulated.sweeps(OTHERS[0])
    assert [execution.started_by for execution in sweeps] == ([None] if is_named else [None, scheduled])
    assert all(execution.failure is None for execution in sweeps)


def test_two_executions_of_the_same_second_share_the_registries() -> None:
    """The list of executions is some seconds behind."""
    simulated = Hub(seconds=30, hostile=[], list_lag=5)
    for _ in range(2):
        simulated.start_at(0, "hub", SCHEDULED)
    simulated.run()
    counts = Counter(registry_of(execution) for execution in simulated.of("registry"))
    assert set(counts) == set(HOSTILE + OTHERS)
    assert max(counts.values()) == 2
    assert all(execution.failure is None for execution in simulated.executions)


def test_the_guide_states_the_transitions_of_an_idle_sweep() -> None:
    """The Rust test of the price takes them from there."""
    [stated] = re.findall(r"720 × \((\d+) \+ (\d+) for each registry\)", COST.read_text())
    simulated = Hub(seconds=30, hostile=[])
    simulated.run_hours(2)
    once, of_registry = map(int, stated)
    # Of the second hour: the first one has none before it to read.
    transitions = sum(execution.transitions for execution in simulated.executions if execution.started >= HOUR)
    assert transitions == once + of_registry * len(REGISTRIES)


def test_the_design_states_how_long_executions_take() -> None:
    rows = []
    for seconds in (10, 30, 60):
        simulated = Hub(seconds=seconds)
        simulated.run_hours(5)
        first, *later = simulated.of("hub")
        assert not any(execution.is_running() for execution in later)
        minutes = [round(simulated.ended_by(execution) / 60) for execution in (first, *later)]
        rows.append(f"| {seconds} s | {' | '.join(f'{number} min' for number in minutes[:3])} |")
        assert len(set(minutes[2:])) == 1, minutes
    text = DESIGN.read_text()
    assert all(row in text for row in rows), "\n".join(rows)
