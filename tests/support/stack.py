"""The stack, deployed to the emulator as a user deploys it."""

import json
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.background import ROOT, environment
from support.emulator import CREDENTIALS, REGION, Emulator
from support.local_ecr import LocalEcr
from support.registry import FURTHER_REGIONS, MEMBER_ACCOUNT
from support.waiting import eventually

Message = dict[str, Any]

BUILD = ROOT / ".aws-sam" / "build"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
"""That of this machine, since the emulator runs the function as a process."""

PARAMETERS = {
    "Architecture": ARCHITECTURE,
    "Platforms": "linux/amd64,linux/arm64",
    "ImageTags": "{version}_{platform}",
    "Repositories": "app,team-a/*",
    "Accounts": MEMBER_ACCOUNT,
    "FurtherRegions": ",".join(FURTHER_REGIONS),
    # So that the stack has all that it can have.
    "AlarmTopicArn": "arn:aws:sns:eu-central-1:111122223333:on-call",
    "CreateDashboard": "true",
    # A test enables it.
    "SweepState": "DISABLED",
    "SweepSchedule": "rate(1 minute)",
}


@dataclass(frozen=True)
class Queue:
    """A queue of the stack."""

    emulator: Emulator
    url: str

    def attribute(self, name: str) -> str:
        """An attribute, as text."""
        sqs = self.emulator.client("sqs")
        return sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"][name]

    def size(self) -> int:
        """How many messages it holds: those that can be received, and those that were and are not deleted."""
        counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(self.attribute(name)) for name in counts)

    def is_empty(self) -> bool:
        """Whether it holds no message."""
        return self.size() == 0

    def messages(self) -> list[Message]:
        """Up to ten messages that can be received. They stay visible."""
        sqs = self.emulator.client("sqs")
        received = sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageSystemAttributeNames=["All"]
        )
        return received.get("Messages", [])


@dataclass(frozen=True)
class Stack:
    """A deployed stack."""

    emulator: Emulator
    name: str

    def identifier(self) -> str:
        """The last part of its ID, which distinguishes it from stacks of the same name."""
        [description] = self.emulator.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return str(description["StackId"].split("/")[2])

    def output(self, name: str) -> str:
        """The value of an output."""
        description = self.emulator.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}[name]

    def queue(self, name: str) -> Queue:
        """A queue, by its logical ID."""
        return Queue(self.emulator, self.output(f"{name}Url"))

    def mapping(self) -> Message:
        """The event source mapping from the queue to the assembler."""
        return self.emulator.client("lambda").get_event_source_mapping(UUID=self.output("PushMappingId"))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Disables the event source mapping, so that events wait in the queue, and enables it again."""
        self._set_enabled(False)
        try:
            yield
        finally:
            self._set_enabled(True)

    def settle(self) -> None:
        """Waits until all events are handled, and deletes those that failed on every attempt: they would meet the next
        tests."""
        eventually("the events are handled", self.queue("PushQueue").is_empty)
        self.emulator.client("sqs").purge_queue(QueueUrl=self.queue("PushDeadLetterQueue").url)

    @contextmanager
    def setting(self, name: str, value: str, function: str = "Assembler") -> Iterator[None]:
        """Gives a function another value of a setting."""
        client, arn = self.emulator.client("lambda"), self.output(f"{function}Arn")
        before = client.get_function_configuration(FunctionName=arn)["Environment"]["Variables"]
        client.update_function_configuration(FunctionName=arn, Environment={"Variables": {**before, name: value}})
        try:
            yield
        finally:
            client.update_function_configuration(FunctionName=arn, Environment={"Variables": before})

    @contextmanager
    def scheduled(self) -> Iterator[None]:
        """Enables the schedule of the sweep, and disables it again."""
        self._set_schedule("ENABLED")
        try:
            yield
        finally:
            self._set_schedule("DISABLED")

    def announce_push(self, repository: str, tag: str, **changes: str) -> None:
        """Puts the event by which ECR announces a push. The changes are other values in its detail."""
        announce_push(self.emulator.client("events"), repository, tag, **changes)

    def push_version(self, ecr: LocalEcr, repository: str, version: str) -> dict[str, str]:
        """Pushes both platforms of a version, with their events, and returns their digests by architecture."""
        digests = ecr.push_version(repository, version)
        for architecture in digests:
            self.announce_push(repository, f"{version}-{architecture}")
        return digests

    def pattern(self) -> str:
        """The event pattern of the rule for push events."""
        name = self.output("PushRuleArn").rpartition("/")[2]
        return self.emulator.client("events").describe_rule(Name=name)["EventPattern"]

    def invoke(self, request: Message, function: str = "Assembler") -> Message:
        """Invokes a function and waits for its answer."""
        client = self.emulator.client("lambda")
        answer = client.invoke(FunctionName=self.output(f"{function}Arn"), Payload=json.dumps(request))
        payload = json.load(answer["Payload"])
        assert "FunctionError" not in answer, payload
        return payload

    def log(self, repository: str) -> list[Message]:
        """The lines that the assembler has logged of a repository."""
        return [line for line in self._log_lines() if line.get("repository") == repository]

    def metric(self, name: str) -> int:
        """The sum of a metric of the assembler since the deployment."""
        return sum(line.get(name, 0) for line in self._log_lines() if "_aws" in line)

    def _log_lines(self) -> list[Message]:
        paginator = self.emulator.client("logs").get_paginator("filter_log_events")
        pages = paginator.paginate(logGroupName=self.output("AssemblerLogGroup"))
        texts = (event["message"] for page in pages for event in page["events"])
        return [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]

    def _set_enabled(self, enabled: bool) -> None:
        client = self.emulator.client("lambda")
        client.update_event_source_mapping(UUID=self.output("PushMappingId"), Enabled=enabled)
        state = "Enabled" if enabled else "Disabled"
        eventually(f"the mapping is {state}", lambda: self.mapping()["State"] == state)

    def _set_schedule(self, state: str) -> None:
        client = self.emulator.client("scheduler")
        schedules = [client.get_schedule(Name=listed["Name"]) for listed in client.list_schedules()["Schedules"]]
        target = self.output("SweepMachineArn")
        [schedule] = [schedule for schedule in schedules if schedule["Target"]["Arn"] == target]
        kept = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        client.update_schedule(**{name: schedule[name] for name in kept}, State=state)


def announce_push(events: Any, repository: str, tag: str, **changes: str) -> None:
    """Puts the event by which ECR announces a push to the bus of a client's account and Region."""
    detail = {
        "result": "SUCCESS",
        "repository-name": repository,
        "image-digest": f"sha256:{64 * '0'}",
        "action-type": "PUSH",
        "image-tag": tag,
        **changes,
    }
    event = {"Source": "aws.ecr", "DetailType": "ECR Image Action", "Detail": json.dumps(detail)}
    answer = events.put_events(Entries=[event])
    assert answer["FailedEntryCount"] == 0, answer


def deploy(
    emulator: Emulator, name: str, parameters: Mapping[str, str], log: Path, template: Path = BUILD / "template.yaml"
) -> Stack:
    """Deploys the built template with `sam deploy`."""
    assert template.exists(), "run .ci/deployed, which builds the functions first"
    overrides = [f'{name}="{value}"' for name, value in parameters.items()]
    command = ["sam", "deploy", "--template-file", str(template), "--stack-name", name]
    options = ["--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--region", REGION]
    variables = {**CREDENTIALS, "AWS_ENDPOINT_URL": emulator.url, "SAM_CLI_TELEMETRY": "0"}
    with log.open("w") as file:
        done = subprocess.run(
            [*command, *options, "--parameter-overrides", " ".join(overrides)],
            cwd=ROOT,
            env=environment(variables),
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
    assert done.returncode == 0, log.read_text()
    return Stack(emulator, name)
