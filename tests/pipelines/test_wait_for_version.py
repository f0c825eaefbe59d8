"""`pipelines/wait-for-version`: exit codes, messages and calls, in two shells."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.lambda_errors import CRASHES, NOT_READY
from waiter import (
    DIGEST,
    OTHER_DIGEST,
    PUBLISHED,
    SCRIPT,
    SHELLS,
    Response,
    Waiter,
    answered,
    failed,
    failed_with,
    refused,
    version_report,
    waiting,
)

ARN = "arn:aws:lambda:eu-west-3:123456789012:function:images-Assembler-1A2B3C"
APP = ("app", "1.2.3")

Result = "subprocess.CompletedProcess[str]"


@pytest.fixture(params=SHELLS)
def waiter(request: pytest.FixtureRequest, tmp_path: Path) -> Waiter:
    """The script in each shell."""
    return Waiter(request.param, tmp_path)


@pytest.fixture
def clocked(tmp_path: Path) -> Waiter:
    """The script in a shell whose clock only pauses advance."""
    waiter = Waiter("dash", tmp_path)
    waiter.set_clock()
    return waiter


def cli_error(code: str) -> str:
    """What the AWS CLI prints when Lambda refuses a call."""
    return f"\nAn error occurred ({code}) when calling the Invoke operation (reached max retries: 0): as Lambda says\n"


@pytest.mark.parametrize("outcome", ["published", "unchanged"])
def test_published_version_prints_its_digest_only(waiter: Waiter, outcome: str) -> None:
    aliases = [{"tag": "latest", "outcome": "conflict", "release": None, "reason": f'"digest":"{OTHER_DIGEST}"'}]
    done = waiter.look(answered(version_report(outcome, aliases=aliases)))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{DIGEST}\n", "")


PERMANENT = {
    "ignored": answered(version_report("ignored", reason="REPOSITORIES does not cover it")),
    "dry run": answered(version_report("would_publish")),
    "sweep": answered({"outcome": "swept", "repositories": 1}),
    "no digest": answered(version_report("published", digest=None)),
    "short digest": answered(version_report("published", digest=DIGEST[:-1])),
    "long digest": answered(version_report("published", digest=DIGEST + "a")),
    "digest of other letters": answered(version_report("published", digest="sha256:" + 64 * "g")),
    "empty answer": answered(""),
    "null": answered("null"),
    "text": answered('"published"'),
    "binary": answered(bytes(range(256))),
    "InvalidRequest": failed_with("InvalidRequest"),
    "PlatformMismatch": failed_with("PlatformMismatch"),
    "TagConflict": failed_with("TagConflict"),
    "AccessDenied": failed_with("AccessDenied"),
    "InvalidSetting": failed_with("InvalidSetting"),
    "another function": failed('{"errorMessage": "what it says", "errorType": "KeyError", "stackTrace": []}'),
    "AccessDeniedException": refused(cli_error("AccessDeniedException")),
    "ResourceNotFoundException": refused(cli_error("ResourceNotFoundException"), code=255),
    "ExpiredTokenException": refused(cli_error("ExpiredTokenException")),
    "no credentials": refused('Unable to locate credentials. You can get them by running "aws login".', 253),
    "no Region": refused("aws: [ERROR]: An error occurred (NoRegion): You must specify a region."),
    "old AWS CLI": refused("aws: error: argument operation: Invalid choice", 2),
    "silent failure": refused("", 1),
}


@pytest.mark.parametrize("response", PERMANENT.values(), ids=PERMANENT)
def test_permanent_failure_ends_the_wait(waiter: Waiter, response: Response) -> None:
    done = waiter.run("--function", "assembler", *APP, responses=[response, PUBLISHED])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("app:1.2.3: ") and done.stderr.count("\n") == 1
    assert len(waiter.calls()) == 1


TEMPORARY = {
    "NotYetVisible": failed_with("NotYetVisible"),
    "Contended": failed_with("Contended"),
    "RegistryUnavailable": failed_with("RegistryUnavailable"),
    **{error: failed_with(error) for error in CRASHES},
    "timeout without a type": failed({"errorMessage": "2026-11-24T10:00:00Z 1 Task timed out after 30.00 seconds"}),
    "throttling": refused(cli_error("TooManyRequestsException")),
    "unreachable identity provider": refused("An error occurred (IDPCommunicationError) when calling the "
                                             "AssumeRoleWithWebIdentity operation: unreachable"),
    "throttled login": refused("An error occurred (ThrottlingException) when calling the AssumeRole operation: slow"),
    "enhanced message": refused("\naws: [ERROR]: An error occurred (TooManyRequestsException) when calling the Invoke "
                                "operation: Rate exceeded\n\nAdditional error details:\nType: User\n"),
    "ServiceException": refused(cli_error("ServiceException")),
    "server error without a name": refused(cli_error("503")),
    **{error: refused(cli_error(error)) for error in NOT_READY},
    "no route": refused('Could not connect to the endpoint URL: "https://lambda.eu-west-3.amazonaws.com/"', 255),
    "slow connection": refused('Connect timeout on endpoint URL: "https://lambda.eu-west-3.amazonaws.com/"', 255),
    "slow answer": refused('Read timeout on endpoint URL: "https://lambda.eu-west-3.amazonaws.com/"', 255),
    "connection that is cut": refused("Connection was closed before we received a valid response", 255),
}


@pytest.mark.parametrize("response", TEMPORARY.values(), ids=TEMPORARY)
def test_temporary_failure_is_told_and_looked_at_again(waiter: Waiter, response: Response) -> None:
    arguments = ("--function", "assembler", "--interval", "1", *APP)
    done = waiter.run(*arguments, responses=[response, response, PUBLISHED])
    assert (done.returncode, done.stdout) == (0, f"{DIGEST}\n")
    assert done.stderr.count("trying again") == 1


@pytest.mark.parametrize("response", TEMPORARY.values(), ids=TEMPORARY)
def test_temporary_failure_is_the_reason_of_a_timeout(waiter: Waiter, response: Response) -> None:
    done = waiter.look(response)
    assert (done.returncode, done.stdout) == (3, "")
    assert "not published within 0s" in done.stderr


def test_permanent_failure_that_comes_later_ends_the_wait(waiter: Waiter) -> None:
    responses = [waiting("linux/arm64"), failed_with("PlatformMismatch", "it is amd64"), PUBLISHED]
    done = waiter.run("--function", "assembler", "--interval", "1", *APP, responses=responses)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "app:1.2.3: PlatformMismatch: it is amd64"


def test_waiting_version_is_reported_on_change_and_once_a_minute(clocked: Waiter) -> None:
    both, one = waiting("linux/amd64", "linux/arm64"), waiting("linux/arm64")
    held_back = waiting(reason="the images have different revisions")
    responses = [*[both] * 14, *[one] * 2, failed_with("Contended"), held_back, PUBLISHED]
    done = clocked.run("--function", "assembler", *APP, responses=responses)
    assert (done.returncode, done.stdout) == (0, f"{DIGEST}\n")
    assert done.stderr.splitlines() == [
        "app:1.2.3: waiting for linux/amd64 as 1.2.3-amd64, linux/arm64 as 1.2.3-arm64 (missing for 0s)",
        "app:1.2.3: waiting for linux/amd64 as 1.2.3-amd64, linux/arm64 as 1.2.3-arm64 (missing for 1m0s)",
        "app:1.2.3: waiting for linux/arm64 as 1.2.3-arm64 (missing for 1m10s)",
        "app:1.2.3: Contended: what it says (trying again for 0s)",
        "app:1.2.3: waiting: the images have different revisions (for 1m25s)",
    ]


def test_spaces_between_fields_change_nothing(waiter: Waiter) -> None:
    reports = [
        version_report("waiting", missing=["linux/amd64", "linux/arm64"]),
        version_report("published", digest=None, platforms=[{"platform": "linux/amd64", "digest": OTHER_DIGEST}]),
    ]
    responses = [answered(json.dumps(report)) for report in reports]
    done = waiter.run("--function", "assembler", "--interval", "1", *APP, responses=responses)
    assert done.returncode == 1, "the digest of a platform is taken for that of the version"
    assert done.stderr.startswith("app:1.2.3: waiting for linux/amd64 as 1.2.3-amd64, linux/arm64 as 1.2.3-arm64 (missing for 0s)\n")


def test_last_look_is_made_when_the_time_is_up(clocked: Waiter) -> None:
    arguments = ("--function", "assembler", "--timeout", "12", *APP)
    done = clocked.run(*arguments, responses=[waiting("linux/arm64")])
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == "app:1.2.3: not published within 12s: waiting for linux/arm64 as 1.2.3-arm64"
    # After 0, 5, 10 and 12 seconds.
    assert (len(clocked.calls()), clocked.time()) == (4, 12)


def test_push_of_the_last_second_is_published(clocked: Waiter) -> None:
    arguments = ("--function", "assembler", "--timeout", "3", *APP)
    assert clocked.run(*arguments, responses=[waiting("linux/arm64"), PUBLISHED]).returncode == 0


def test_wait_lasts_half_an_hour_by_default(clocked: Waiter) -> None:
    done = clocked.run("--function", "assembler", "--interval", "600", *APP, responses=[waiting("linux/arm64")])
    assert done.returncode == 3
    assert "not published within 30m0s" in done.stderr


def test_real_clock_ends_the_wait(waiter: Waiter) -> None:
    arguments = ("--function", "assembler", "--timeout", "1", "--interval", "1", *APP)
    assert waiter.run(*arguments, responses=[waiting("linux/arm64")]).returncode == 3


HOSTILE = 'a "quoted" \\ back\nslash \x1b[2J\x9b31m\x07 ","outcome":"published","digest":"' + DIGEST + '","platforms":['


@pytest.mark.parametrize(
    "response",
    [
        failed_with("PlatformMismatch", HOSTILE),
        answered(version_report("ignored", reason=HOSTILE)),
        answered(version_report("ignored", repository=HOSTILE, reason="not served")),
        refused(cli_error("AccessDeniedException") + HOSTILE),
        answered(HOSTILE),
    ],
    ids=["error", "reason", "repository", "AWS CLI", "answer"],
)
def test_text_from_outside_is_neither_obeyed_nor_printed_raw(waiter: Waiter, response: Response) -> None:
    done = waiter.look(response)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.isascii() and line.isprintable(), line


def test_message_is_shown_as_it_was_written(waiter: Waiter) -> None:
    done = waiter.look(failed_with("TagConflict", 'assemble it with "force": true, in C:\\images'))
    assert done.stderr == 'app:1.2.3: TagConflict: assemble it with "force": true, in C:\\images\n'


def test_long_message_is_cut(waiter: Waiter) -> None:
    assert len(waiter.look(failed_with("TagConflict", 5000 * "x")).stderr) < 1100


def test_request_is_an_assemble_request_without_force(waiter: Waiter) -> None:
    waiter.look(PUBLISHED)
    [call] = waiter.calls()
    assert json.loads(call["payload"]) == {"action": "assemble", "repository": "app", "version": "1.2.3"}


def test_request_names_the_registry(waiter: Waiter) -> None:
    registry = {"account": "444455556666", "region": "eu-west-1"}
    options = [argument for name, value in registry.items() for argument in (f"--{name}", value)]
    waiter.run("--function", "assembler", *options, "team-a/app", "v1.2.3_rc.1", responses=[PUBLISHED])
    [call] = waiter.calls()
    expected = {"action": "assemble", "repository": "team-a/app", "version": "v1.2.3_rc.1", **registry}
    assert json.loads(call["payload"]) == expected


@pytest.mark.parametrize(
    ("options", "function", "qualifier", "region"),
    [
        (("--function", f"{ARN}:wait"), f"{ARN}:wait", None, "eu-west-3"),
        (("--function", ARN), ARN, "wait", "eu-west-3"),
        (("--function", ARN, "--qualifier", "live"), ARN, "live", "eu-west-3"),
        (("--function", ARN, "--qualifier", ""), ARN, None, "eu-west-3"),
        (("--function", f"{ARN}-function:live"), f"{ARN}-function:live", None, "eu-west-3"),
        (("--function", ARN.replace("arn:aws:", "arn:aws-cn:")), ARN.replace("arn:aws:", "arn:aws-cn:"), "wait",
         "eu-west-3"),
        (("--function", "assembler"), "assembler", "wait", None),
        (("--function", "assembler:live"), "assembler:live", None, None),
        (("--function", "my-function:live"), "my-function:live", None, None),
        (("--function", "123456789012:function:assembler"), "123456789012:function:assembler", "wait", None),
        ((), "from-the-environment", "wait", None),
    ],
)
def test_function_is_invoked_by_the_alias(
    waiter: Waiter, options: tuple[str, ...], function: str, qualifier: str | None, region: str | None
) -> None:
    waiter.environment["WAIT_FUNCTION"] = "from-the-environment"
    waiter.run(*options, *APP, responses=[PUBLISHED])
    [call] = waiter.calls()
    arguments = call["arguments"]

    def value(option: str) -> str | None:
        return arguments[arguments.index(option) + 1] if option in arguments else None

    assert arguments[:2] == ["lambda", "invoke"]
    assert (value("--function-name"), value("--qualifier"), value("--region")) == (function, qualifier, region)


INVALID = [
    (),
    ("app",),
    ("app", "1", "2"),
    ("--interval",),
    ("--unknown", *APP),
    ("", "1"),
    ("App", "1"),
    ("-app", "1"),
    ('app","force":true,"x":"', "1"),
    ("app\n", "1"),
    ("app", ""),
    ("app", ".1"),
    ("app", "--", "1"),
    ("app", '1","force":true,"x":"'),
    ("app", "1\\"),
    ("app", "1\u00e9"),
    ("--account", "12345678901", *APP),
    ("--account", "12345678901a", *APP),
    ("--region", 'eu-west-1","force":true,"x":"', *APP),
    ("--region", "EU", *APP),
    ("--timeout", "1.5", *APP),
    ("--timeout", "-1", *APP),
    ("--timeout", "", *APP),
    ("--timeout", "09", *APP),
    ("--timeout", "1000000", *APP),
    ("--interval", "0", *APP),
    ("--function", "", *APP),
    ("--function", "--debug", *APP),
    ("--function", "a b", *APP),
    ("--function", "arn:aws:iam::123456789012:role/deploy", *APP),
    ("--function", "arn:aws:lambda:eu-west-3:123456789012:layer:wait", *APP),
    ("\x1b[2J", "1"),
    ("--\x1b[2J\x9b31m", *APP),
    ("--function", f"{ARN}:wait", "--qualifier", "wait", *APP),
    ("--qualifier", "--debug", *APP),
]


@pytest.mark.parametrize("arguments", INVALID, ids=repr)
def test_invalid_arguments_call_nothing(waiter: Waiter, arguments: tuple[str, ...]) -> None:
    waiter.environment["WAIT_FUNCTION"] = "assembler"
    done = waiter.run(*arguments, responses=[PUBLISHED])
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("wait-for-version: ") and line.endswith("see wait-for-version --help")
    assert line.isascii() and line.isprintable()
    assert waiter.calls() == []


def test_function_must_be_named(waiter: Waiter) -> None:
    done = waiter.run(*APP, responses=[PUBLISHED])
    assert (done.returncode, done.stdout) == (2, "")
    assert "WAIT_FUNCTION" in done.stderr


def test_help_describes_each_option_and_exit_code(waiter: Waiter) -> None:
    done = waiter.run("--help", responses=[])
    assert (done.returncode, done.stderr) == (0, "")
    for option in ("function", "qualifier", "account", "region", "timeout", "interval"):
        assert f"--{option} " in done.stdout
    for code in range(4):
        assert f"\n  {code}  " in done.stdout


def test_help_that_cannot_be_written_ends(waiter: Waiter) -> None:
    for script in (SCRIPT, SCRIPT.with_name("tag-state")):
        with open("/dev/full", "w") as full:
            command = [*SHELLS[waiter.shell], str(script), "--help"]
            done = subprocess.run(command, check=False, stdout=full, stderr=subprocess.DEVNULL, timeout=30)
        assert done.returncode != 0


def test_missing_aws_cli_is_a_failure(waiter: Waiter, tmp_path: Path) -> None:
    (waiter.tools / "aws").unlink()
    # Any other AWS CLI of this machine is out of sight, and the tools of the shell are not.
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dash", "busybox", "cat", "date", "mktemp", "rm", "sed", "sleep", "tr"):
        for folder in os.environ["PATH"].split(":"):
            if (Path(folder) / name).exists() and not (tools / name).exists():
                (tools / name).symlink_to(Path(folder) / name)
    waiter.environment["PATH"] = str(tools)
    done = waiter.look(PUBLISHED)
    assert (done.returncode, done.stdout) == (1, "")
    assert "AWS CLI is not installed" in done.stderr


def send_until_it_ends(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    """Sends a signal. Again after seconds, since a shell misses one that arrives just before it waits for a process."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["INT", "TERM", "HUP"]
)
@pytest.mark.parametrize("phase", ["call", "pause"])
def test_signal_ends_the_wait_and_cleans_up(waiter: Waiter, number: signal.Signals, code: int, phase: str) -> None:
    responses = [Response(hangs=True)] if phase == "call" else [waiting("linux/arm64")]
    process = waiter.start("--function", "assembler", "--interval", "600", *APP, responses=responses)
    try:
        if phase == "call":
            hanging = waiter.folder / "hanging"
            deadline = time.monotonic() + 30
            while not (hanging.exists() and hanging.read_text()):
                assert time.monotonic() < deadline, "the stub was not called"
                time.sleep(0.01)
        else:
            assert process.stderr is not None
            assert "waiting for" in process.stderr.readline()
        send_until_it_ends(process, number)
        # Ends with the pipes, so no process is left that holds them open.
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == code
    assert list(waiter.temporary.iterdir()) == []
    if phase == "call":
        with pytest.raises(ProcessLookupError):
            os.kill(int(hanging.read_text()), 0)


def test_script_is_executable() -> None:
    assert os.access(SCRIPT, os.X_OK)
