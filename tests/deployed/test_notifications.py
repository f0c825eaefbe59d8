"""The stack of `docs/notifications.yaml`: what it tells people, and what a published list starts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support.background import ROOT
from support.cloudformation import create, delete
from support.emulator import Emulator
from support.events import ecr_events, sweep_events
from support.local_ecr import LocalEcr
from support.registry import REGISTRIES
from support.relay import DENIED, Relay
from support.stack import Queue, Stack
from support.state_machine import StateMachine
from support.waiting import eventually

MEMBER = REGISTRIES[-1]
"""A registry of another account and Region."""

EVENTS = {name: json.loads(text) for name, text in {**ecr_events(), **sweep_events()}.items()}


@contextmanager
def deployed(aws: Emulator, name: str, parameters: dict[str, str]) -> Iterator[dict[str, str]]:
    """The outputs of the stack, which exists meanwhile."""
    cloudformation = aws.client("cloudformation")
    yield create(cloudformation, name, (ROOT / "docs" / "notifications.yaml").read_text(), parameters)
    delete(cloudformation, name)


def subscribed(aws: Emulator, topic: str) -> Queue:
    """A queue that gets what a topic is told, as e-mail does."""
    queue = Queue(aws, aws.client("sqs").create_queue(QueueName=topic.rpartition(":")[2])["QueueUrl"])
    arn = queue.attribute("QueueArn")
    attributes = {"RawMessageDelivery": "true"}
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return queue


def put(aws: Emulator, *names: str) -> None:
    """Puts events, as the sweep or ECR does."""
    entries = [
        {
            "Source": EVENTS[name]["source"],
            "DetailType": EVENTS[name]["detail-type"],
            "Resources": EVENTS[name]["resources"],
            "Detail": json.dumps(EVENTS[name]["detail"]),
        }
        for name in names
    ]
    answer = aws.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 0, answer


def told(queue: Queue, count: int) -> set[str]:
    """What the topic was told, as soon as that is so much."""
    eventually("the topic was told", lambda: queue.size() >= count)
    return {message["Body"] for message in queue.messages()}


def test_an_operator_is_told_once_without_having_looked(
    aws: Emulator, stack: Stack, ecr: LocalEcr, relay: Relay
) -> None:
    ecr.push("team-a/unseen", "1.0.0-amd64", "amd64")
    ecr.push("team-a/unseen", "2.0.0-amd64", "arm64")
    ecr.push("team-a/unseen", "2.0.0-arm64", "arm64")
    sweep = StateMachine(aws, stack.output("SweepMachineArn"))
    # Of the other tests' repositories, it is told nothing.
    with deployed(aws, "operator", {"Repositories": "team-a/unseen"}) as outputs:
        queue = subscribed(aws, outputs["TopicArn"])
        with stack.setting("INCOMPLETE_AFTER", "1s", "Sweeper"), relay.refusing(MEMBER, DENIED):
            for _ in range(2):
                assert sweep.start().error()[0] == "SweepIncomplete"
        sentences = told(queue, 3)
        assert queue.size() == 3
    lacking, wrong, denied = sorted(sentences)
    assert lacking.startswith('"ecr-multiarch: team-a/unseen:1.0.0 (123456789012, eu-central-1) lacks [linux/arm64]. ')
    assert wrong.startswith('"ecr-multiarch: team-a/unseen:2.0.0 (123456789012, eu-central-1) failed with PlatformMismatch: ')
    registry = f"the registry of {MEMBER.account} in {MEMBER.region}"
    assert denied.startswith(f'"ecr-multiarch: {registry} failed with AccessDenied: ')


def test_people_read_a_sentence_about_each_new_entry(aws: Emulator) -> None:
    with deployed(aws, "told", {}) as outputs:
        queue = subscribed(aws, outputs["TopicArn"])
        put(aws, *sweep_events())
        sentences = told(queue, len(sweep_events()) - 1)

    def text(name: str, field: str) -> Any:
        return EVENTS[name]["detail"][field]

    member = "(111122223333, eu-west-1)"
    assert sentences == {
        '"ecr-multiarch: app:2.0.0 (123456789012, eu-central-1) lacks [linux/amd64]. Its newest image was pushed at '
        '2026-06-02T09:10:11Z."',
        f'"ecr-multiarch: team-a/web:3.2.0 {member} is not published: {text("incomplete-held-back", "reason")}"',
        f'"ecr-multiarch: team-a/web:3.3.0 {member} is not published: {text("incomplete-single-image", "reason")}"',
        '"ecr-multiarch: app:1.0.0 (123456789012, eu-central-1) failed with TagConflict: '
        f'{text("failed", "message")}"',
        f'"ecr-multiarch: the repository team-a/web {member} failed with AccessDenied: '
        f'{text("failed-repository", "message")}"',
        '"ecr-multiarch: the registry of 111122223333 in eu-west-1 failed with AccessDenied: '
        f'{text("failed-registry", "message")}"',
        '"ecr-multiarch: the alias app:latest (123456789012, eu-central-1) was left alone: '
        f'{text("alias-conflict", "reason")}"',
    }


def test_chats_get_custom_notifications(aws: Emulator) -> None:
    with deployed(aws, "chat", {"Format": "chat"}) as outputs:
        queue = subscribed(aws, outputs["TopicArn"])
        put(aws, *sweep_events())
        notifications = [json.loads(message) for message in told(queue, len(sweep_events()) - 1)]
    assert len(notifications) == len(sweep_events()) - 1
    for notification in notifications:
        assert notification == {"version": "1.0", "source": "custom", "content": notification["content"]}
    contents = {content["title"]: content["description"] for content in (each["content"] for each in notifications)}
    assert contents.keys() == {
        "app:2.0.0 (123456789012, eu-central-1) lacks [linux/amd64]",
        "team-a/web:3.2.0 (111122223333, eu-west-1) is not published",
        "team-a/web:3.3.0 (111122223333, eu-west-1) is not published",
        "app:1.0.0 (123456789012, eu-central-1) failed with TagConflict",
        "The repository team-a/web (111122223333, eu-west-1) failed with AccessDenied",
        "The registry of 111122223333 in eu-west-1 failed with AccessDenied",
        "The alias app:latest (123456789012, eu-central-1) was left alone",
    }
    # It contains quotation marks.
    assert EVENTS["failed"]["detail"]["message"] in contents.values()


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("Incomplete", {"incomplete", "incomplete-held-back", "incomplete-single-image"}),
        ("Failed", {"failed", "failed-repository", "failed-registry"}),
        ("AliasConflicts", {"alias-conflict"}),
    ],
)
def test_a_kind_is_told_alone(aws: Emulator, kind: str, names: set[str]) -> None:
    kinds = {"Incomplete": "DISABLED", "Failed": "DISABLED", "AliasConflicts": "DISABLED", kind: "ENABLED"}
    with deployed(aws, f"only-{kind}", kinds) as outputs:
        queue = subscribed(aws, outputs["TopicArn"])
        put(aws, *(sweep_events().keys() - names))
        # The last ones, so that the others would be there by now.
        put(aws, *names)
        assert len(told(queue, len(names))) == queue.size() == len(names)


def test_a_topic_of_the_team_is_told(aws: Emulator) -> None:
    topic = aws.client("sns").create_topic(Name="team")["TopicArn"]
    queue = subscribed(aws, topic)
    with deployed(aws, "own-topic", {"TopicArn": topic, "Email": "team@example.com"}) as outputs:
        assert outputs["TopicArn"] == topic
        put(aws, "alias-conflict")
        assert len(told(queue, 1)) == 1
        subscriptions = aws.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert ("email", "team@example.com") in {(each["Protocol"], each["Endpoint"]) for each in subscriptions}


def test_a_published_list_starts_a_state_machine(aws: Emulator) -> None:
    states = aws.client("stepfunctions")
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    role = "arn:aws:iam::123456789012:role/deploy"
    machine = states.create_state_machine(name="deploy", definition=json.dumps(definition), roleArn=role)
    arn = machine["stateMachineArn"]
    with deployed(aws, "start", {"StartArn": arn, "Repositories": "app"}):
        put(aws, "push-amd64", "push-attested", "push-soci-index", "push-other-repository", "push-own-list")
        [execution] = eventually("an execution starts", StateMachine(aws, arn).executions)
        event = json.loads(execution.description()["input"])
    assert event["detail"] == EVENTS["push-own-list"]["detail"]
