"""Waiting for a version: the alias of the assembler, and `pipelines/wait-for-version` with the real AWS CLI."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.background import ROOT, environment
from support.emulator import CREDENTIALS
from support.local_ecr import LocalEcr
from support.registry import REGISTRIES
from support.stack import Stack

MEMBER = REGISTRIES[-1]
"""A registry of another account and Region."""


def invoke_alias(stack: Stack, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Invokes the alias, and returns the error of the function, if any, with its answer."""
    client = stack.emulator.client("lambda")
    answer = client.invoke(FunctionName=stack.output("WaitFunctionArn"), Payload=json.dumps(request))
    return answer.get("FunctionError"), json.load(answer["Payload"])


def start(stack: Stack, *arguments: str, function: str | None = None) -> "subprocess.Popen[str]":
    """Starts the script as a deploy job does."""
    variables = {
        **CREDENTIALS,
        # The ARN of the alias says which Region it is.
        "AWS_REGION": "us-west-2",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_ENDPOINT_URL": stack.emulator.url,
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{Path(sys.executable).parent}:{environment({})['PATH']}",
        "WAIT_FUNCTION": function or stack.output("WaitFunctionArn"),
    }
    return subprocess.Popen(
        [ROOT / "pipelines" / "wait-for-version", *arguments],
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(stack: Stack, *arguments: str, **options: Any) -> tuple[int, str, str]:
    """Runs the script to its end: exit code, standard output, standard error."""
    process = start(stack, *arguments, **options)
    try:
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, stdout, stderr


def test_the_alias_waits_and_does_nothing_else(stack: Stack, ecr: LocalEcr) -> None:
    ecr.push_version("team-a/alias", "1.0.0")
    request = {"action": "assemble", "repository": "team-a/alias", "version": "1.0.0"}
    for refused in ({**request, "force": True}, {"action": "sweep"}, {"action": "registries"}, {"Records": []}):
        error, answer = invoke_alias(stack, refused)
        assert (error, answer["errorType"]) == ("Unhandled", "InvalidRequest"), answer
        assert "invoke the function itself" in answer["errorMessage"]
    assert ecr.platforms("team-a/alias", "1.0.0") is None
    error, answer = invoke_alias(stack, request)
    assert (error, answer["outcome"]) == (None, "published")
    assert stack.invoke({**request, "force": True})["outcome"] == "unchanged"


def test_the_digest_is_printed_once_the_other_platform_is_pushed(stack: Stack, ecr: LocalEcr) -> None:
    repository = "team-a/waited-for"
    ecr.push(repository, "1.0.0-amd64", "amd64")
    process = start(stack, "--interval", "1", "--timeout", "120", repository, "1.0.0")
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith(f"{repository}:1.0.0: waiting for linux/arm64 as 1.0.0-arm64 (missing for "), line
        ecr.push(repository, "1.0.0-arm64", "arm64")
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, stderr
    assert stdout == f"{ecr.digests(repository)['1.0.0']}\n"
    platforms = ecr.platforms(repository, "1.0.0")
    assert platforms is not None and set(platforms) == {"amd64", "arm64"}


def test_a_version_of_another_registry_is_waited_for(stack: Stack, ecr: LocalEcr) -> None:
    ecr.push_version("team-a/elsewhere", "1.0.0", MEMBER)
    options = ("--account", MEMBER.account, "--region", MEMBER.region)
    code, stdout, stderr = run(stack, *options, "team-a/elsewhere", "1.0.0")
    assert (code, stdout) == (0, f"{ecr.digests('team-a/elsewhere', MEMBER)['1.0.0']}\n"), stderr


def test_a_version_that_stays_incomplete_is_a_timeout(stack: Stack, ecr: LocalEcr) -> None:
    ecr.push("team-a/incomplete", "1.0.0-arm64", "arm64")
    code, stdout, stderr = run(stack, "--timeout", "1", "--interval", "1", "team-a/incomplete", "1.0.0")
    assert (code, stdout) == (3, "")
    assert stderr.splitlines()[-1] == "team-a/incomplete:1.0.0: not published within 1s: waiting for linux/amd64 as 1.0.0-amd64"


def test_what_no_later_look_mends_is_a_failure(stack: Stack, ecr: LocalEcr) -> None:
    ecr.push("team-a/mismatched", "1.0.0-amd64", "amd64")
    ecr.push("team-a/mismatched", "1.0.0-arm64", "amd64")
    absent = stack.output("WaitFunctionArn").replace(":wait", ":absent")
    function = stack.output("AssemblerArn")
    for arguments, options, expected in (
        (("team-a/mismatched", "1.0.0"), {}, "PlatformMismatch: "),
        (("not-served", "1.0.0"), {}, "ignored: "),
        (("team-a/absent", "1.0.0"), {}, "RepositoryNotFound: "),
        (("team-a/any", "1.0.0"), {"function": absent}, "ResourceNotFoundException"),
        (("--qualifier", "absent", "team-a/any", "1.0.0"), {"function": function}, "ResourceNotFoundException"),
    ):
        code, stdout, stderr = run(stack, *arguments, **options)
        assert (code, stdout) == (1, ""), stderr
        assert expected in stderr
