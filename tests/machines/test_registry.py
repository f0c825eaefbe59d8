"""The sweep of one registry: which requests its state machine sends, and how it ends."""

from typing import Any

import pytest
from simulation import Execution, Failed, Simulation, rendered

from support.lambda_errors import CRASHES, NOT_READY

Json = Any
INPUT = {"account": "2" * 12, "region": "eu-west-1", "max_age": "30d"}
REQUEST = {"action": "sweep", **INPUT}


def swept(**fields: Any) -> Json:
    """An answer of the sweeper."""
    answer = {"outcome": "swept", "published": 0, "failed_total": 0, **fields}
    answer["complete"] = "next" not in fields and "unfinished" not in fields
    if "unfinished" in fields:
        answer = {"unfinished_total": len(fields["unfinished"]), **answer}
    return answer


class Registry:
    """An execution for one registry whose rounds are answered in this order, the last answer again and again."""

    def __init__(self, *answers: "Json | Failed", **parameters: Any) -> None:
        self.requests: list[Json] = []
        self.answers = answers
        machines = {"registry": rendered("registry-sweep.asl.json", SweeperArn="sweeper")}
        simulation = Simulation(machines, self.answer)
        simulation.start_at(0, "registry", {**INPUT, **parameters})
        simulation.run()
        [execution] = simulation.executions
        self.execution: Execution = execution

    def answer(self, request: Json) -> "tuple[float, Json | Failed]":
        """Takes a minute."""
        assert {**request, **REQUEST} == request
        self.requests.append({name: value for name, value in request.items() if name not in REQUEST})
        return 60.0, self.answers[min(len(self.requests), len(self.answers)) - 1]

    def output(self) -> Json:
        """Its output, without the keys of what it found."""
        return {name: value for name, value in self.execution.output.items() if name not in ("keys", "cut")}

    def error(self) -> tuple[str, str]:
        """How it failed."""
        assert self.execution.failure
        return self.execution.failure.error, self.execution.failure.cause


def complete(failed_total: int = 0) -> Json:
    """The output of an execution that finished its registry."""
    account, region = INPUT["account"], INPUT["region"]
    return {"account": account, "region": region, "complete": True, "failed_total": failed_total}


def test_rounds_follow_next_to_its_end() -> None:
    registry = Registry(swept(next="b", failed_total=2), swept(next="c"), swept(failed_total=1))
    assert registry.requests == [{}, {"from": "b"}, {"from": "c"}]
    assert registry.output() == complete(3)


def test_what_is_unfinished_is_sent_again_at_the_end() -> None:
    registry = Registry(
        swept(next="m", unfinished=["a", "c"]),
        swept(unfinished=["z"]),
        swept(published=9, unfinished=["c", "z"]),
        swept(published=1, unfinished=["z"]),
        swept(published=1),
    )
    named = [["a", "c", "z"], ["c", "z"], ["z"]]
    assert registry.requests == [{}, {"from": "m"}, *({"repositories": names} for names in named)]
    assert registry.output() == complete()


def test_what_publishes_nothing_is_not_sent_again() -> None:
    registry = Registry(swept(unfinished=["a"], published=5), swept(unfinished=["a"]))
    assert registry.requests == [{}, {"repositories": ["a"]}]
    assert registry.error() == ("NotFinished", "not complete after 2 sweeps")


def test_what_writes_image_tags_only_is_sent_again() -> None:
    tagged = swept(unfinished=["a"], image_tags_moved=3)
    registry = Registry(tagged, tagged, tagged, swept(image_tags_moved=1))
    assert registry.requests == [{}, *3 * [{"repositories": ["a"]}]]
    assert registry.output() == complete()
    registry = Registry(tagged, swept(unfinished=["a"], image_tags_moved=0))
    assert registry.error()[0] == "NotFinished"


def test_repositories_are_sent_again_twenty_at_a_time() -> None:
    names = [f"r{index:02}" for index in range(33)]
    registry = Registry(swept(next="r20", unfinished=names[:20]), swept(unfinished=names[20:]), swept())
    assert registry.requests[2:] == [{"repositories": names[:20]}, {"repositories": names[20:]}]
    assert registry.output() == complete()


def test_named_repositories_that_were_not_begun_are_sent_again() -> None:
    registry = Registry(
        swept(unfinished=["a", "b", "c", "d"]), swept(published=1, unfinished=["a"], next="c"), swept(published=1)
    )
    assert registry.requests == [{}, {"repositories": ["a", "b", "c", "d"]}, {"repositories": ["a", "c", "d"]}]


def test_names_beyond_the_twenty_are_swept_in_another_pass() -> None:
    names = [f"r{index:02}" for index in range(20)]
    cut = swept(published=7, unfinished=names, unfinished_total=31)
    registry = Registry(cut, swept(published=3), swept(published=1), **{"from": "b"})
    assert registry.requests == [{"from": "b"}, {"repositories": names}, {"from": "b"}]
    assert registry.output() == complete()


def test_a_pass_that_published_nothing_is_the_last() -> None:
    names = [f"r{index:02}" for index in range(20)]
    registry = Registry(swept(unfinished=names, unfinished_total=31), swept())
    assert registry.requests == [{}, {"repositories": names}]
    assert registry.error() == ("NotFinished", "not complete after 2 sweeps")


def test_a_registry_has_fifty_rounds() -> None:
    for endless, cause in [
        (swept(next="b", published=1), "not complete after 50 sweeps; the next one would begin at b"),
        (swept(unfinished=["a"], published=1), "not complete after 50 sweeps; unfinished: a"),
    ]:
        registry = Registry(endless)
        assert len(registry.requests) == 50
        assert registry.error() == ("NotFinished", cause)


@pytest.mark.parametrize("error", [*CRASHES, "Lambda.Unknown", "States.Timeout", "RegistryUnavailable"])
def test_a_round_that_may_succeed_is_tried_again_three_times(error: str) -> None:
    failed = Failed(error)
    registry = Registry(swept(next="b"), failed, failed, failed, swept())
    assert registry.requests == [{}, *4 * [{"from": "b"}]]
    assert registry.output() == complete()
    assert registry.execution.ended == 5 * 60 + 30 + 60 + 120
    assert Registry(failed).error()[0] == error


@pytest.mark.parametrize("error", NOT_READY)
def test_a_function_that_is_not_ready_is_invoked_for_ten_minutes(error: str) -> None:
    failed = Failed(f"Lambda.{error}")
    registry = Registry(*10 * [failed], swept())
    assert registry.output() == complete()
    assert registry.execution.ended == 11 * 60 + 2 + 4 + 8 + 16 + 32 + 64 + 4 * 120
    assert Registry(failed).error()[0] == failed.error


def test_a_round_that_fails_for_good_is_not_tried_again() -> None:
    registry = Registry(Failed("InvalidRequest"))
    assert (len(registry.requests), registry.error()[0]) == (1, "InvalidRequest")


def test_a_registry_that_is_not_served_fails() -> None:
    assert Registry({"outcome": "ignored"}).error()[0] == "NotServed"


def test_the_longest_names_fit_the_limits_of_a_state() -> None:
    """The simulation checks the size of each state and variable."""
    rounds = iter(range(1_000))

    class Large(Registry):
        def answer(self, request: Json) -> tuple[float, Json]:
            first = next(rounds) * 20
            names = [f"{first + index:05}".ljust(256, "x") for index in range(20)]
            super().answer(request)
            message, since = "x" * 700, f"2026-01-01T00:00:{len(self.requests):02}Z"
            failed = [{"repository": f"{index:03}{names[0][3:]}", "version": "v" * 128} for index in range(100)]
            entries = [{**entry, "message": message, "since": since} for entry in failed]
            return 60.0, swept(published=1, next=names[-1], unfinished=names, failed=entries)

    registry = Large(swept())
    assert len(registry.requests) == 50
    assert registry.error()[0] == "NotFinished"
