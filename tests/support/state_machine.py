"""A state machine of the stack, and its executions."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from support.emulator import Emulator
from support.waiting import eventually


@dataclass(frozen=True)
class Execution:
    """An execution of a state machine."""

    emulator: Emulator
    arn: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.rpartition(":")[2]

    def description(self) -> dict[str, Any]:
        """Its input, status, output, error and cause, as they are now."""
        return self.emulator.client("stepfunctions").describe_execution(executionArn=self.arn)

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.description()["status"] == "RUNNING"

    def output(self) -> Any:
        """Waits until it succeeds, and returns its output."""
        eventually("the execution ends", lambda: not self.is_running())
        description = self.description()
        assert description["status"] == "SUCCEEDED", description
        return json.loads(description["output"])

    def error(self) -> tuple[str, str]:
        """Waits until it fails, and returns its error and the cause."""
        eventually("the execution ends", lambda: not self.is_running())
        description = self.description()
        assert description["status"] == "FAILED", description
        return description["error"], description["cause"]

    def task_errors(self) -> set[str]:
        """The errors with which its tasks have failed so far."""
        return {event["taskFailedEventDetails"]["error"] for event in self.events("TaskFailed")}

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type in its history."""
        paginator = self.emulator.client("stepfunctions").get_paginator("get_execution_history")
        pages = paginator.paginate(executionArn=self.arn)
        return [event for page in pages for event in page["events"] if event["type"] == kind]


@dataclass(frozen=True)
class StateMachine:
    """A state machine."""

    emulator: Emulator
    arn: str

    def start(self, **parameters: Any) -> Execution:
        """Starts an execution with an input of these fields."""
        client = self.emulator.client("stepfunctions")
        started = client.start_execution(stateMachineArn=self.arn, input=json.dumps(parameters))
        return Execution(self.emulator, started["executionArn"])

    def executions(self, status: str | None = None) -> list[Execution]:
        """All its executions, or those of a status, the latest first."""
        paginator = self.emulator.client("stepfunctions").get_paginator("list_executions")
        restricted = {"statusFilter": status} if status else {}
        pages = paginator.paginate(stateMachineArn=self.arn, **restricted)
        return [Execution(self.emulator, listed["executionArn"]) for page in pages for listed in page["executions"]]

    @contextmanager
    def replacing(self, text: str, other: str) -> Iterator[None]:
        """Replaces a text that its definition has once, and restores the definition."""
        client = self.emulator.client("stepfunctions")
        definition = client.describe_state_machine(stateMachineArn=self.arn)["definition"]
        assert definition.count(text) == 1, definition
        client.update_state_machine(stateMachineArn=self.arn, definition=definition.replace(text, other))
        try:
            yield
        finally:
            client.update_state_machine(stateMachineArn=self.arn, definition=definition)

    def complete_sweeps(self) -> tuple[int, int]:
        """How often it has written its metric, and the sum of the values."""
        now = datetime.now(UTC)
        statistics = self.emulator.client("cloudwatch").get_metric_statistics(
            Namespace="EcrMultiarch",
            MetricName="SweepComplete",
            Dimensions=[{"Name": "StateMachineArn", "Value": self.arn}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["SampleCount", "Sum"],
        )
        points = statistics["Datapoints"]
        return sum(int(point["SampleCount"]) for point in points), sum(int(point["Sum"]) for point in points)
