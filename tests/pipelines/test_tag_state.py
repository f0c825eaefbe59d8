"""`pipelines/tag-state`, with the AWS CLI and the local ECR."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.background import ROOT, environment
from support.emulator import CREDENTIALS
from support.local_ecr import LocalEcr
from support.registry import HOME, REGISTRIES
from support.relay import DENIED, THROTTLED, UNAVAILABLE, Refusal, Relay

SCRIPT = ROOT / "pipelines" / "tag-state"
REPOSITORY = "team-a/state"

Done = subprocess.CompletedProcess[str]
State = Callable[..., Done]


@pytest.fixture(autouse=True, scope="module")
def image(ecr: LocalEcr) -> None:
    """A tag that is there."""
    ecr.push(REPOSITORY, "1.0.0-amd64", "amd64")


@pytest.fixture
def state(relay: Relay) -> State:
    """Runs the script. Standard error is part of the output."""

    def run(*arguments: str, variables: Mapping[str, str] = {}) -> Done:
        # The AWS CLI is beside the Python of the tests.
        programs = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "AWS_MAX_ATTEMPTS": "1"}
        return subprocess.run(
            ["/bin/sh", SCRIPT, *arguments],
            env=environment({**CREDENTIALS, **programs, "AWS_ENDPOINT_URL_ECR": relay.url, **variables}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
        )

    return run


def test_a_tag_that_is_there_is_present(state: State, relay: Relay) -> None:
    calls = len(relay.calls)
    done = state(REPOSITORY, "1.0.0-amd64")
    assert (done.returncode, done.stdout) == (0, "present\n")
    # A read of the manifest would count as a pull.
    assert [call.operation for call in relay.calls[calls:]] == ["DescribeImages"]


def test_a_tag_that_is_not_there_is_absent(state: State) -> None:
    done = state(REPOSITORY, "1.0.0-arm64")
    assert (done.returncode, done.stdout) == (0, "absent\n")


def test_a_repository_that_is_not_there_has_no_tag(state: State) -> None:
    done = state("team-a/nothing", "1.0.0-arm64")
    assert (done.returncode, done.stdout) == (0, "absent\n")


def test_account_and_region_name_the_registry(state: State, ecr: LocalEcr) -> None:
    other = REGISTRIES[-1]
    assert other.account != HOME.account and other.region != HOME.region
    ecr.push("team-a/elsewhere", "1.0.0-amd64", "amd64", registry=other)
    there = ["--account", other.account, "--region", other.region]
    assert state(*there, "team-a/elsewhere", "1.0.0-amd64").stdout == "present\n"
    assert state("team-a/elsewhere", "1.0.0-amd64").stdout == "absent\n"


@pytest.mark.parametrize("status", ["ARCHIVED", "ACTIVATING"])
def test_an_image_that_cannot_be_pulled_is_absent(state: State, relay: Relay, status: str) -> None:
    """The local ECR describes archived images on demand only, as the API reference says, and so as if absent."""
    image = {"imageDigest": "sha256:" + 64 * "a", "imageTags": ["1.0.0-amd64"], "imageStatus": status}
    with relay.answering(HOME, "DescribeImages", {"imageDetails": [image]}):
        done = state(REPOSITORY, "1.0.0-amd64")
    assert (done.returncode, done.stdout) == (0, "absent\n")


def test_without_a_status_an_image_is_present(state: State, relay: Relay) -> None:
    """As an AWS CLI from before the archive storage class prints it."""
    image = {"imageDigest": "sha256:" + 64 * "a", "imageTags": ["1.0.0-amd64"]}
    with relay.answering(HOME, "DescribeImages", {"imageDetails": [image]}):
        done = state(REPOSITORY, "1.0.0-amd64")
    assert (done.returncode, done.stdout) == (0, "present\n")


@pytest.mark.parametrize("refusal", [DENIED, THROTTLED, UNAVAILABLE], ids=lambda refusal: refusal.error)
def test_a_call_that_fails_says_neither(state: State, relay: Relay, refusal: Refusal) -> None:
    with relay.refusing(HOME, refusal):
        done = state(REPOSITORY, "1.0.0-amd64")
    assert done.returncode == 1
    assert done.stdout.startswith(f"tag-state: {REPOSITORY}:1.0.0-amd64: ")
    assert refusal.error in done.stdout


def test_a_registry_that_cannot_be_reached_says_neither(state: State) -> None:
    done = state(REPOSITORY, "1.0.0-amd64", variables={"AWS_ENDPOINT_URL_ECR": "http://127.0.0.1:1"})
    assert done.returncode == 1
    assert done.stdout.startswith(f"tag-state: {REPOSITORY}:1.0.0-amd64: Could not connect")


def test_without_the_aws_cli_it_says_neither(state: State) -> None:
    done = state(REPOSITORY, "1.0.0-amd64", variables={"PATH": "/nothing"})
    assert done.returncode == 1
    assert "AWS CLI is not installed" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["app"],
        ["app", ""],
        ["app", "1.0.0", "arm64"],
        ["App", "1.0.0"],
        ["app", "1.0.0,imageDigest=x"],
        ["app", "-1"],
        ["--account", "12", "app", "1.0.0"],
        ["--region", "EU", "app", "1.0.0"],
        ["--region"],
        ["--unknown", "app", "1.0.0"],
    ],
    ids=" ".join,
)
def test_invalid_arguments_are_refused_before_any_call(state: State, arguments: list[str]) -> None:
    # Without an AWS CLI, a call would be another failure.
    done = state(*arguments, variables={"PATH": "/nothing"})
    assert done.returncode == 2
    assert "see tag-state --help" in done.stdout
