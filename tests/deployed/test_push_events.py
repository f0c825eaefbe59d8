"""Push events, from the rule over the queue to the published list. Each test has a repository of its own."""

import json

import pytest

from support.emulator import ACCOUNT, REGION, Emulator
from support.events import PUSHES
from support.local_ecr import INDEX, MANIFEST, LocalEcr
from patterns import matched
from support.stack import Stack
from support.waiting import eventually


@pytest.fixture(autouse=True, scope="module")
def settled(stack: Stack) -> None:
    """The events of ECR that other tests put match the rule of the stack, too."""
    stack.settle()


def test_a_push_of_all_platforms_publishes_the_version(stack: Stack, ecr: LocalEcr) -> None:
    digests = stack.push_version(ecr, "app", "1.0.0")
    published = eventually("the version is published", lambda: ecr.platforms("app", "1.0.0"))
    assert published == digests
    eventually("the events are deleted", stack.queue("PushQueue").is_empty)


def test_the_images_of_a_list_that_buildx_pushed_get_tags(stack: Stack, ecr: LocalEcr) -> None:
    images = ecr.push_list("team-a/buildx", "1.0.0")
    stack.announce_push("team-a/buildx", "1.0.0", **{"manifest-media-type": INDEX})
    eventually("the images have tags", lambda: "1.0.0_arm64" in ecr.digests("team-a/buildx"))
    named = ecr.digests("team-a/buildx")
    assert {architecture: named[f"1.0.0_{architecture}"] for architecture in images} == images
    [line] = eventually("the tags are logged", lambda: stack.log("team-a/buildx"))
    assert (line["outcome"], line["image_tags_moved"]) == ("tagged", "1.0.0_amd64,1.0.0_arm64")


def test_only_pushes_of_served_repositories_reach_the_queue(stack: Stack) -> None:
    queue = stack.queue("PushQueue")
    eventually("the queue is empty", queue.is_empty)
    with stack.paused():
        stack.announce_push("team-b/app", "1.0.0-amd64")
        stack.announce_push("team-a/filtered", "1.0.0-amd64", **{"action-type": "DELETE"})
        stack.announce_push("team-a/filtered", "1.0.0-amd64", result="FAILURE")
        stack.announce_push("team-a/filtered", "")
        # The only one that matches, and the last, so that the others would be there by now.
        stack.announce_push("team-a/filtered", "not-a-platform-tag", **{"manifest-media-type": MANIFEST})
        [message] = eventually("an event is in the queue", queue.messages)
        assert queue.size() == 1
    event = json.loads(message["Body"])
    assert (event["source"], event["account"], event["region"]) == ("aws.ecr", ACCOUNT, REGION)
    assert event["detail"]["image-tag"] == "not-a-platform-tag"
    eventually("the event is deleted", queue.is_empty)
    [line] = eventually("the event is logged", lambda: stack.log("team-a/filtered"))
    assert line["outcome"] == "ignored"


def test_the_rule_matches_the_pushes_among_the_example_events(stack: Stack, aws: Emulator) -> None:
    assert matched(aws, stack.pattern()) == PUSHES


def test_an_event_that_keeps_failing_succeeds_after_a_redrive(stack: Stack, ecr: LocalEcr) -> None:
    queue, dead_letters = stack.queue("PushQueue"), stack.queue("PushDeadLetterQueue")
    eventually("the queue is empty", queue.is_empty)
    with stack.paused():
        # Announced, but not visible: a retry may help. All three events wait for the mapping, and come in one batch.
        arm64 = ecr.push("team-a/late", "1.0.0-arm64", "arm64")
        stack.announce_push("team-a/late", "1.0.0-amd64")
        neighbor = stack.push_version(ecr, "team-a/neighbor", "1.0.0")
        eventually("the events are in the queue", lambda: queue.size() == 3)
    eventually("only the event that failed is left", lambda: queue.size() == 1)
    assert ecr.platforms("team-a/neighbor", "1.0.0") == neighbor

    [message] = eventually("the event is in the dead-letter queue", dead_letters.messages)
    assert json.loads(message["Body"])["detail"]["repository-name"] == "team-a/late"
    assert queue.is_empty()
    attempts = stack.log("team-a/late")
    assert [(line["outcome"], line["error"]) for line in attempts] == 2 * [("failed", "NotYetVisible")]

    amd64 = ecr.push("team-a/late", "1.0.0-amd64", "amd64")
    sqs = stack.emulator.client("sqs")
    source = stack.output("PushDeadLetterQueueArn")
    sqs.start_message_move_task(SourceArn=source)
    published = eventually("the version is published", lambda: ecr.platforms("team-a/late", "1.0.0"))
    assert published == {"amd64": amd64, "arm64": arm64}
    [task] = sqs.list_message_move_tasks(SourceArn=source)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    eventually("the event is deleted", lambda: queue.is_empty() and dead_letters.is_empty())


def test_a_permanent_failure_is_counted_and_not_received_again(stack: Stack, ecr: LocalEcr) -> None:
    queue, dead_letters = stack.queue("PushQueue"), stack.queue("PushDeadLetterQueue")
    failures = stack.metric("FailedPermanently")
    ecr.push("team-a/wrong", "1.0.0-arm64", "arm64")
    ecr.push("team-a/wrong", "1.0.0-amd64", "arm64")
    stack.announce_push("team-a/wrong", "1.0.0-amd64")
    [line] = eventually("the failure is logged", lambda: stack.log("team-a/wrong"))
    assert (line["outcome"], line["error"]) == ("failed", "PlatformMismatch")
    # An event that went back would stay until its last attempt, and then be in the dead-letter queue.
    eventually("the event is deleted", queue.is_empty)
    assert dead_letters.is_empty()
    assert stack.metric("FailedPermanently") == failures + 1
    assert ecr.platforms("team-a/wrong", "1.0.0") is None
