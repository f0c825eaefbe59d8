"""`first-check`, with the real AWS CLI: a stack that works, and faults that are put into it on purpose."""

import os
import signal
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from support.announcing import Announcing
from support.background import ROOT, environment
from support.commands import VERSION_1, VERSION_2
from support.commands import program as aws_program
from support.emulator import CREDENTIALS
from support.local_ecr import LocalEcr
from support.registry import HOME
from support.relay import DENIED, Relay
from support.stack import Stack

REPOSITORY = "team-a/first-check"

class Outcome(NamedTuple):
    """How a check ended."""

    code: int
    stdout: str
    stderr: str


def check(
    stack: Stack,
    ecr: LocalEcr,
    *arguments: str,
    announce: Callable[[str, str], None] | None = None,
    program: Path = VERSION_1,
    shell: str = "sh",
) -> Outcome:
    """Runs the check of the stack to its end. By default all pushes are announced."""
    with started(stack, ecr, *arguments, announce=announce, program=program, shell=shell) as process:
        stdout, stderr = process.communicate(timeout=240)
    return Outcome(process.returncode, stdout, stderr)


@contextmanager
def started(
    stack: Stack,
    ecr: LocalEcr,
    *arguments: str,
    announce: Callable[[str, str], None] | None = None,
    program: Path = VERSION_1,
    shell: str = "sh",
) -> "Iterator[subprocess.Popen[str]]":
    """Starts the check of the stack."""
    relay = Announcing(ecr, announce or stack.announce_push)
    options = ("--stack", stack.name, "--repository", REPOSITORY)
    with tempfile.TemporaryDirectory() as folder:
        aws_program(Path(folder), program, stack.emulator.url, relay.url)
        variables = {**CREDENTIALS, "NO_PROXY": "127.0.0.1", "PATH": f"{folder}:{environment({})['PATH']}"}
        process = subprocess.Popen(
            [shutil.which(shell) or shell, ROOT / "first-check", *options, *arguments],
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell cannot trap what was ignored when it began, as SIGINT is in the background of another shell.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            yield process
        finally:
            process.kill()


def silent(_repository: str, _tag: str) -> None:
    """Announces nothing."""


@contextmanager
def rule_disabled(stack: Stack) -> Iterator[None]:
    events, name = stack.emulator.client("events"), stack.output("PushRuleArn").rpartition("/")[2]
    events.disable_rule(Name=name)
    try:
        yield
    finally:
        events.enable_rule(Name=name)


@contextmanager
def undelivered(stack: Stack) -> Iterator[None]:
    """Puts into the queue what EventBridge could not deliver."""
    sqs, url = stack.emulator.client("sqs"), stack.queue("UndeliveredQueue").url
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    try:
        yield
    finally:
        sqs.purge_queue(QueueUrl=url)


@pytest.fixture(autouse=True)
def settled(stack: Stack) -> Iterator[None]:
    """Leaves nothing of what a test has announced to the next one."""
    yield
    stack.settle()


@pytest.mark.parametrize(("program", "shell"), [(VERSION_1, "dash"), (VERSION_2, "bash")])
def test_a_stack_that_works_publishes_the_right_list(stack: Stack, ecr: LocalEcr, program: Path, shell: str) -> None:
    assert program.exists(), "run .ci/deployed, which installs the AWS CLI 2"
    code, stdout, stderr = check(stack, ecr, program=program, shell=shell)
    assert (code, stderr) == (0, ""), stdout
    lines = stdout.splitlines()
    assert lines[0] == f"first-check: pushing linux/amd64 as {REPOSITORY}:1.0.0-amd64"
    assert lines[2].startswith("first-check: published sha256:")
    assert lines[4].startswith("first-check: event ") and " s, queue " in lines[4] and " s, list " in lines[4]
    assert lines[-1] == f"first-check: removed the repository {REPOSITORY}"
    assert REPOSITORY not in ecr.repositories()


Fault = Callable[[Stack, Relay], AbstractContextManager[None]]


@pytest.mark.parametrize(
    ("fault", "arguments", "expected"),
    [
        (lambda stack, _: stack.setting("PLATFORMS", "linux"), (), "PLATFORMS is "),
        (lambda stack, _: stack.setting("VERSION_PATTERN", "v.*"), (), "the settings of the stack leave"),
        (lambda _, relay: relay.refusing(HOME, DENIED, "PutImage"), (), "the function has no permission: "),
        (lambda _, relay: relay.refusing(HOME, DENIED), (), "the function has no permission: "),
        (lambda stack, _: stack.paused(), (), "the event source mapping is disabled"),
        (lambda stack, _: rule_disabled(stack), (), "the rule is disabled"),
        (lambda _stack, _relay: ExitStack(), ("--repository", "team-b/first-check"), "the settings of the stack leave"),
        (lambda _stack, _relay: ExitStack(), ("--stack", "absent"), "cannot read the stack absent"),
    ],
)
def test_a_fault_is_named(
    stack: Stack, ecr: LocalEcr, relay: Relay, fault: Fault, arguments: tuple[str, ...], expected: str
) -> None:
    with fault(stack, relay):
        code, stdout, stderr = check(stack, ecr, "--timeout", "1", *arguments)
    assert (code, expected in stderr, len(stderr.splitlines())) == (1, True, 1), stdout + stderr
    assert not [name for name in ecr.repositories() if "first-check" in name]


def test_an_event_that_does_not_come_is_told_from_one_that_is_not_delivered(stack: Stack, ecr: LocalEcr) -> None:
    code, _, stderr = check(stack, ecr, "--timeout", "1", announce=silent)
    assert (code, "published it when it was asked to: no event came" in stderr) == (1, True), stderr
    with undelivered(stack):
        code, _, stderr = check(stack, ecr, "--timeout", "1", announce=silent)
    assert (code, "EventBridge could not deliver 1 messages" in stderr) == (1, True), stderr


def test_a_list_of_other_images_is_wrong(stack: Stack, ecr: LocalEcr) -> None:
    def push_another(repository: str, tag: str) -> None:
        if tag.endswith("arm64"):
            ecr.push_list(repository, "1.0.0")

    code, _, stderr = check(stack, ecr, announce=push_another)
    assert (code, "team-a/first-check:1.0.0 has 4 images" in stderr) == (1, True), stderr


def test_what_was_made_is_removed_after_ctrl_c(stack: Stack, ecr: LocalEcr) -> None:
    with started(stack, ecr, announce=silent) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("first-check: pushing ")
        assert REPOSITORY in ecr.repositories()
        # A terminal signals the whole group.
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, f"first-check: removed the repository {REPOSITORY}\n"), stderr
    assert REPOSITORY not in ecr.repositories()


def test_a_repository_that_exists_is_left_alone(stack: Stack, ecr: LocalEcr) -> None:
    ecr.push("team-a/kept", "1.0.0-amd64", "amd64")
    code, stdout, stderr = check(stack, ecr, "--repository", "team-a/kept")
    assert (code, stdout) == (2, "")
    assert "team-a/kept exists, and is left alone" in stderr
    assert list(ecr.digests("team-a/kept")) == ["1.0.0-amd64"]


@pytest.mark.parametrize(
    "arguments",
    [("--stack", "a b"), ("--repository", 'a"'), ("--version", "-x"), ("--timeout", "1h"), ("--stack",), ("more",)],
)
def test_invalid_arguments_are_refused(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [ROOT / "first-check", *arguments], env=os.environ, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("first-check: ")
