"""Requests, which invoke the assembler directly."""

import json

from support.local_ecr import LocalEcr
from support.stack import Stack
from support.waiting import eventually


def test_a_request_is_answered(stack: Stack, ecr: LocalEcr) -> None:
    for architecture in ("amd64", "arm64"):
        ecr.push("team-a/requested", f"1.0.0-{architecture}", architecture)
    request = {"action": "assemble", "repository": "team-a/requested", "version": "1.0.0"}
    assert stack.invoke({**request, "dry_run": True})["outcome"] == "would_publish"
    assert stack.invoke(request)["outcome"] == "published"
    assert stack.invoke(request)["outcome"] == "unchanged"
    assert ecr.platforms("team-a/requested", "1.0.0") is not None


def test_an_asynchronous_request_that_fails_is_in_its_own_queue(stack: Stack) -> None:
    request = {"action": "assemble", "repository": "team-a/absent", "version": "1.0.0"}
    client = stack.emulator.client("lambda")
    client.invoke(FunctionName=stack.output("AssemblerArn"), InvocationType="Event", Payload=json.dumps(request))
    [message] = eventually("the request is in the queue", stack.queue("FailedQueue").messages)
    record = json.loads(message["Body"])
    assert record["requestPayload"] == request
    assert record["responsePayload"]["errorType"] == "RepositoryNotFound"
