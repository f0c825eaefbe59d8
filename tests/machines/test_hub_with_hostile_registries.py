"""The hourly sweep of a hub three of whose registries are never finished. Its simulation takes longest of all."""

from pathlib import Path

import pytest
from hub import HOSTILE, HOUR, OTHERS, ROUNDS, RUN, Hub, registry_of

DESIGN = Path(__file__).parents[2] / "docs" / "design.md"


def simulated(seconds: int, hours: int) -> Hub:
    """A hub whose other registries take so many seconds each, after some hours."""
    hub = Hub(seconds)
    hub.run_hours(hours)
    return hub


@pytest.fixture(scope="module")
def hub() -> Hub:
    """The hub that most of these tests look at."""
    return simulated(seconds=30, hours=15)


def test_all_others_are_swept_each_hour(hub: Hub) -> None:
    for registry in OTHERS:
        hours = {int(sweep.started // HOUR) for sweep in hub.sweeps(registry) if sweep.ended is not None}
        assert hours == set(range(15)), registry


def test_no_registry_is_swept_twice_at_the_same_time(hub: Hub) -> None:
    for registry in HOSTILE + OTHERS:
        sweeps = hub.sweeps(registry)
        for one, other in zip(sweeps, sweeps[1:], strict=False):
            assert one.ended is not None and one.ended <= other.started, registry


def test_a_registry_that_is_never_finished_has_its_fifty_rounds(hub: Hub) -> None:
    for registry in HOSTILE:
        first, second = hub.sweeps(registry)
        assert first.failure and first.failure.error == "NotFinished"
        assert first.ended is not None and first.ended - first.started == ROUNDS * RUN
        # The next hour after twelve hours and some.
        assert second.started // HOUR == 13


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


def test_at_most_eight_registries_are_swept_at_a_time(hub: Hub) -> None:
    # Three that are never finished, one place of the first execution, and four of the next one.
    assert hub.most_at_a_time <= 8


def test_the_design_states_how_long_executions_take(hub: Hub) -> None:
    rows = []
    for one in (simulated(seconds=10, hours=5), hub, simulated(seconds=60, hours=5)):
        first, *later = one.of("hub")[:5]
        assert not any(execution.ran_at(5 * HOUR) for execution in later)
        minutes = [round(one.ended_by(execution) / 60) for execution in (first, *later)]
        rows.append(f"| {one.seconds} s | {' | '.join(f'{number} min' for number in minutes[:3])} |")
        assert len(set(minutes[2:])) == 1, minutes
    text = DESIGN.read_text()
    assert all(row in text for row in rows), "\n".join(rows)
