"""The hourly sweep of a hub, and how it goes on where an execution, a sweep by hand or a crash is in its way."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hub import HOSTILE, HOUR, OTHERS, REGISTRIES, RUN, SCHEDULED, Hub, registry_of
from simulation import Failed

from support.lambda_errors import CRASHES, NOT_READY

Json = Any
DOCS = Path(__file__).parents[2] / "docs"
RUNBOOK, COST = DOCS / "runbook.md", DOCS / "cost.md"


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
