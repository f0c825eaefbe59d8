"""The state machines of the sweep, rendered as the template does, and carried out in simulated time.

It covers what the two definitions use of the Amazon States Language with JSONata. A state of another type, a task that
is unknown, an expression without a result, or a state that exceeds a limit of Step Functions fails the test.
"""

import heapq
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonata import Jsonata

Json = Any
Steps = Iterator[float]
"""A process in simulated time: it yields the seconds that it waits."""

DEFINITIONS = Path(__file__).parents[2] / "statemachine"
START = datetime(2026, 1, 1, tzinfo=UTC)
# AWS Step Functions developer guide, "Step Functions service quotas".
MAX_STATE_BYTES = 256 << 10
MAX_EVENTS = 25_000
# Amazon EventBridge API reference, "PutEvents".
MAX_PUT_EVENTS = 10
# The events that a state adds to the history of an execution, and an iteration of a map.
EVENTS = {"Task": 5, "Wait": 2, "Choice": 2, "Pass": 2, "Map": 4, "Succeed": 2, "Fail": 1}
EVENTS_OF_ITERATION = 2
# Scheduled, started, failed.
EVENTS_OF_RETRY = 3


def rendered(name: str, **substitutions: str) -> Json:
    """A definition with the substitutions of the template."""
    text = (DEFINITIONS / name).read_text()
    for variable, value in {"Partition": "aws", "OwnAccount": "1" * 12, **substitutions}.items():
        text = text.replace("${" + variable + "}", value)
    assert "${" not in text, name
    return json.loads(text)


class Failed(Exception):
    """A state, or an execution, that failed."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


@dataclass
class Execution:
    """An execution of a state machine."""

    machine: str
    name: str
    input: Json
    started: float
    # The one that waits for it.
    started_by: "Execution | None" = None
    ended: float | None = None
    output: Json = None
    failure: Failed | None = None
    events: int = 0
    # The states that it entered.
    transitions: int = 0

    def arn(self) -> str:
        """Its ARN."""
        return f"{self.machine}:{self.name}"

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    def status(self) -> str:
        """Its status, as Step Functions names it."""
        return "RUNNING" if self.is_running() else "FAILED" if self.failure else "SUCCEEDED"

    def ran_at(self, time: float) -> bool:
        """Whether it ran at a time."""
        return self.started <= time and (self.ended is None or self.ended > time)

    def added(self, events: int) -> None:
        """Adds events to its history."""
        self.events += events
        assert self.events <= MAX_EVENTS, f"the history of {self.name} is too long"


@dataclass
class Retrier:
    """A retrier of a task, with the fields of its definition, and how often it has retried."""

    ErrorEquals: list[str]
    IntervalSeconds: int
    BackoffRate: int
    MaxAttempts: int
    MaxDelaySeconds: float = float("inf")
    JitterStrategy: str = "NONE"
    retries: int = 0

    def names(self, error: str) -> bool:
        """Whether it retries an error."""
        return error in self.ErrorEquals or self.ErrorEquals == ["States.ALL"]

    def pause(self) -> float:
        """The pause before the next attempt: the longest, where it is random."""
        pause = self.IntervalSeconds * self.BackoffRate**self.retries
        self.retries += 1
        return min(pause, self.MaxDelaySeconds)


@cache
def compiled(expression: str) -> Jsonata:
    """An expression, which is parsed once."""
    return Jsonata.jsonata(expression)


@dataclass
class Simulation:
    """The machines, what their tasks do, and the clock."""

    machines: dict[str, Json]
    # Answers an invocation of the sweeper, or fails it, with how long it takes.
    invoke: Callable[[Json], "tuple[float, Json | Failed]"]
    # How many seconds the list of executions is behind.
    list_lag: float = 0.0
    now: float = 0.0
    executions: list[Execution] = field(default_factory=list)
    metrics: list[tuple[float, float]] = field(default_factory=list)
    # The entries on the event bus, and how many calls it will refuse.
    events: list[Json] = field(default_factory=list)
    refused_puts: int = 0
    most_at_a_time: int = 0
    _queue: list[tuple[float, int, Steps]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)

    def start_at(self, time: float, machine: str, parameters: Json, name: str | None = None) -> None:
        """Starts an execution at a time."""

        def steps() -> Steps:
            yield from self._execution(machine, name or f"by-schedule-{time:.0f}", parameters)

        self._schedule(time, steps())

    def run(self, until: float = float("inf")) -> None:
        """Carries everything out, until it is over or that time is reached."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, steps = heapq.heappop(self._queue)
            pause = next(steps, None)
            if pause is not None:
                self._schedule(self.now + pause, steps)

    def running(self, machine: str, time: float | None = None) -> list[Execution]:
        """The executions of a machine that run now, or ran at a time, the latest first."""
        at = self.now if time is None else time
        return [execution for execution in reversed(self.of(machine)) if execution.ran_at(at)]

    def of(self, machine: str) -> list[Execution]:
        """All executions of a machine, in the order of their starts."""
        return [execution for execution in self.executions if execution.machine == machine]

    def _schedule(self, time: float, steps: Steps) -> None:
        heapq.heappush(self._queue, (time, next(self._order), steps))

    def _execution(self, machine: str, name: str, parameters: Json, by: Execution | None = None) -> Iterator[Any]:
        execution = Execution(machine, name, parameters, self.now, by)
        self.executions.append(execution)
        self.most_at_a_time = max(self.most_at_a_time, len(self.running("registry")))
        started = START.timestamp() + self.now
        context = {
            "Execution": {
                "Id": execution.arn(),
                "Input": parameters,
                "StartTime": datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            },
            "StateMachine": {"Id": machine},
        }
        try:
            scope = Scope(self, execution, context, {})
            execution.output = yield from scope.run(self.machines[machine], parameters)
        except Failed as failure:
            execution.failure = failure
        execution.ended = self.now
        return execution

    def task(self, by: Execution, resource: str, arguments: Json) -> Iterator[Any]:
        """Carries out a task of an execution, and returns its result."""
        match resource.removeprefix("arn:aws:states:::"):
            case "lambda:invoke":
                seconds, answer = self.invoke(arguments["Payload"])
                yield seconds
                if isinstance(answer, Failed):
                    raise answer
                return {"Payload": answer}
            case "aws-sdk:sfn:listExecutions":
                return self._listed(**arguments)
            case "aws-sdk:sfn:describeExecution":
                [described] = [one for one in self.executions if one.arn() == arguments["ExecutionArn"]]
                if described.failure:
                    return {"Error": described.failure.error, "Cause": described.failure.cause}
                return {"Output": json.dumps(described.output)}
            case "events:putEvents":
                entries = arguments["Entries"]
                assert 1 <= len(entries) <= MAX_PUT_EVENTS
                if self.refused_puts > 0:
                    self.refused_puts -= 1
                    raise Failed("EventBridge.FailedEntry")
                self.events += entries
                return {"FailedEntryCount": 0}
            case "states:startExecution.sync:2":
                execution = yield from self._execution(
                    arguments["StateMachineArn"], arguments["Name"], arguments["Input"], by
                )
                if execution.failure:
                    described = {"Error": execution.failure.error, "Cause": execution.failure.cause}
                    raise Failed("States.TaskFailed", json.dumps(described))
                return {"Output": execution.output}
            case "aws-sdk:cloudwatch:putMetricData":
                [metric] = arguments["MetricData"]
                self.metrics.append((self.now, metric["Value"]))
                return {}
            case other:
                raise AssertionError(f"unknown task {other}")


    def _listed(self, StateMachineArn: str, MaxResults: int, StatusFilter: str = "", NextToken: str = "0") -> Json:
        """A page of the executions of a machine, or of those that run, the latest first."""
        assert StatusFilter in ("", "RUNNING")
        if StatusFilter:
            listed = self.running(StateMachineArn, self.now - self.list_lag)
        else:
            listed = sorted(self.of(StateMachineArn), key=lambda one: one.started, reverse=True)
        begin = int(NextToken)
        page = listed[begin : begin + MaxResults]
        rest = {"NextToken": str(begin + MaxResults)} if len(listed) > begin + MaxResults else {}
        rows = [{"Name": one.name, "ExecutionArn": one.arn(), "Status": one.status()} for one in page]
        return {"Executions": rows, **rest}


@dataclass
class Scope:
    """The states of an execution, or of an iteration of a map, with their variables."""

    simulation: Simulation
    execution: Execution
    context: Json
    variables: Json

    def run(self, definition: Json, value: Json) -> Iterator[Any]:
        """Carries the states out, and returns the output of the last one."""
        name = definition["StartAt"]
        while True:
            state = definition["States"][name]
            self.execution.added(EVENTS[state["Type"]])
            self.execution.transitions += 1
            value, following = yield from self._state(state, value)
            self._check_size(name, value)
            if following is None:
                return value
            name = following

    def _state(self, state: Json, value: Json) -> Iterator[Any]:
        match state["Type"]:
            case "Succeed":
                return value, None
            case "Fail":
                error, cause = (self._value(state[part], value, None) for part in ("Error", "Cause"))
                raise Failed(error, cause)
            case "Choice":
                return self._choice(state, value)
            case "Wait":
                yield state["Seconds"]
                return value, state["Next"]
            case "Pass":
                result = None
            case "Task":
                try:
                    result = yield from self._task(state, value)
                except Failed as failure:
                    for catch in state.get("Catch", []):
                        states = {"errorOutput": {"Error": failure.error, "Cause": failure.cause}}
                        self._assign(catch, value, None, states)
                        return self._value(catch["Output"], value, None, states), catch["Next"]
                    raise
            case "Map":
                result = yield from self._map(state, value)
        output = self._output(state, value, result)
        self._assign(state, value, result)
        return output, state.get("Next")

    def _task(self, state: Json, value: Json) -> Iterator[Any]:
        arguments = self._value(state["Arguments"], value, None)
        self._check_size("arguments", arguments)
        retriers = [Retrier(**retrier) for retrier in state.get("Retry", [])]
        while True:
            try:
                result = yield from self.simulation.task(self.execution, state["Resource"], arguments)
                self._check_size("result", result)
                return result
            except Failed as failure:
                retrier = next((retrier for retrier in retriers if retrier.names(failure.error)), None)
                if retrier is None or retrier.retries == retrier.MaxAttempts:
                    raise
                yield retrier.pause()
                self.execution.added(EVENTS_OF_RETRY)

    def _choice(self, state: Json, value: Json) -> tuple[Json, str]:
        for choice in state["Choices"]:
            holds = self._value(choice["Condition"], value, None)
            assert isinstance(holds, bool), choice
            if holds:
                self._assign(choice, value, None)
                return value, choice["Next"]
        return value, state["Default"]

    def _map(self, state: Json, value: Json) -> Iterator[Any]:
        items = self._value(state["Items"], value, None)
        results: list[Json] = [None] * len(items)
        positions = iter(range(len(items)))
        open_lanes = min(state["MaxConcurrency"], len(items))
        lanes = [self._lane(state["ItemProcessor"], items, positions, results) for _ in range(open_lanes)]
        ended = [False] * open_lanes

        def steps(index: int) -> Steps:
            yield from lanes[index]
            ended[index] = True

        for index in range(open_lanes):
            self.simulation._schedule(self.simulation.now, steps(index))
        while not all(ended):
            yield 1.0
        return results

    def _lane(self, processor: Json, items: list[Json], positions: Iterator[int], results: list[Json]) -> Iterator[Any]:
        for position in positions:
            self.execution.added(EVENTS_OF_ITERATION)
            scope = Scope(self.simulation, self.execution, self.context, dict(self.variables))
            results[position] = yield from scope.run(processor, items[position])

    def _output(self, state: Json, value: Json, result: Json) -> Json:
        default = value if result is None else result
        return self._value(state["Output"], value, result) if "Output" in state else default

    def _assign(self, state: Json, value: Json, result: Json, states: Json | None = None) -> None:
        assigned = self._value(state.get("Assign", {}), value, result, states)
        for name, assignment in assigned.items():
            self._check_size(name, assignment)
        self.variables.update(assigned)

    def _value(self, template: Json, value: Json, result: Json, states: Json | None = None) -> Json:
        """A template with its expressions evaluated, each of which must have a result."""
        if isinstance(template, dict):
            return {name: self._value(part, value, result, states) for name, part in template.items()}
        if isinstance(template, list):
            return [self._value(part, value, result, states) for part in template]
        if not (isinstance(template, str) and template.startswith("{%")):
            return template
        expression = compiled(template[2:-2].strip())
        now = int((START.timestamp() + self.simulation.now) * 1_000)
        expression.register_lambda("millis", lambda: now)
        expression.register_lambda("parse", json.loads)
        expression.register_lambda("uuid", lambda: f"{len(self.simulation.executions):036}")
        known = {"input": value, "result": result, "context": self.context, **(states or {})}
        evaluated = expression.evaluate(None, {**self.variables, "states": known})
        assert evaluated is not None, f"{template} has no result"
        # Lists of the engine become plain ones.
        return json.loads(json.dumps(evaluated))

    def _check_size(self, name: str, value: Json) -> None:
        size = len(json.dumps(value))
        assert size <= MAX_STATE_BYTES, f"{name} of {self.execution.name} has {size} bytes"
