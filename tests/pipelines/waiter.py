"""Runs `pipelines/wait-for-version` with a stub of the AWS CLI."""

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.background import ROOT

SCRIPT = ROOT / "pipelines" / "wait-for-version"
STUB = Path(__file__).with_name("stub_aws.py")

SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"]}
DIGEST = "sha256:" + 64 * "a"
OTHER_DIGEST = "sha256:" + 64 * "b"

Json = dict[str, Any]


def to_json(value: Json) -> str:
    """The text of a value as the function writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Response:
    """What the AWS CLI does when it is called."""

    answer: bytes = b""
    output: str = "None\n"
    error: str = ""
    code: int = 0
    hangs: bool = False


def answered(answer: Json | str | bytes) -> Response:
    """The function answers."""
    text = to_json(answer) if isinstance(answer, dict) else answer
    return Response(text if isinstance(text, bytes) else text.encode())


def failed(error: Json | str) -> Response:
    """The function fails."""
    text = to_json(error) if isinstance(error, dict) else error
    return Response(text.encode(), output="Unhandled\n")


def failed_with(error_type: str, message: str = "what it says") -> Response:
    """The function fails with an error type."""
    return failed({"errorType": error_type, "errorMessage": message})


def refused(error: str, code: int = 254) -> Response:
    """The AWS CLI fails."""
    return Response(output="", error=error, code=code)


def version_report(outcome: str, **fields: Any) -> Json:
    """The answer to an `assemble` request, with its fields in the function's order."""
    images = [{"platform": "linux/amd64", "tag": "1.2.3-amd64", "digest": OTHER_DIGEST}]
    report = {
        "outcome": outcome,
        "account": "123456789012",
        "region": "eu-central-1",
        "repository": "app",
        "version": "1.2.3",
        "tag": "1.2.3",
        "digest": DIGEST if outcome in ("published", "unchanged") else None,
        "media_type": "application/vnd.oci.image.index.v1+json",
        "platforms": images,
        "missing": [],
        **({"expected_tags": [f"1.2.3-{part.split('/')[1]}" for part in fields["missing"]]} if outcome == "waiting" else {}),
        "reason": None,
    }
    assert fields.keys() <= report.keys() | {"aliases"}
    return {**report, **fields}


PUBLISHED = answered(version_report("published"))


def waiting(*missing: str, reason: str | None = None) -> Response:
    """The version is waiting."""
    return answered(version_report("waiting", missing=list(missing), reason=reason))


@dataclass
class Waiter:
    """The script in a shell, with the stub and a directory for temporary files of its own."""

    shell: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tools = self.folder / "bin"
        self.temporary = self.folder / "tmp"
        self.tools.mkdir()
        self.temporary.mkdir()
        self.add_tool("aws", f"exec {shlex.join([sys.executable, str(STUB)])} \"$@\"")
        self.environment = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "STUB": str(self.folder),
            "TMPDIR": str(self.temporary),
        }

    def add_tool(self, name: str, script: str) -> None:
        """Adds a program to PATH."""
        tool = self.tools / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)

    def set_clock(self) -> None:
        """Replaces the clock by one that only a pause advances. Busybox has a clock of its own."""
        assert self.shell != "busybox"
        clock = shlex.quote(str(self.folder / "clock"))
        (self.folder / "clock").write_text("0")
        self.add_tool("date", f"cat {clock}")
        self.add_tool("sleep", f"echo $(($(cat {clock}) + $1)) >{clock}.next && mv {clock}.next {clock}")

    def time(self) -> int:
        """The seconds of that clock."""
        return int((self.folder / "clock").read_text())

    def start(self, *arguments: str, responses: list[Response]) -> "subprocess.Popen[str]":
        """Starts the script."""
        prepared = [{**vars(response), "answer": response.answer.hex()} for response in responses]
        (self.folder / "responses.json").write_text(json.dumps(prepared))
        return subprocess.Popen(
            [*SHELLS[self.shell], str(SCRIPT), *arguments],
            env=self.environment,
            # A parent in the background ignores SIGINT, one under nohup SIGHUP, which a shell could not catch then.
            preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGHUP)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str, responses: list[Response]) -> "subprocess.CompletedProcess[str]":
        """Runs the script to its end, which leaves no temporary files behind."""
        process = self.start(*arguments, responses=responses)
        try:
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
        assert list(self.temporary.iterdir()) == []
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def look(self, response: Response) -> "subprocess.CompletedProcess[str]":
        """Runs the script for one look at `app:1.2.3`."""
        return self.run("--function", "assembler", "--timeout", "0", "app", "1.2.3", responses=[response])

    def calls(self) -> list[Json]:
        """The calls of the AWS CLI."""
        calls = self.folder / "calls.jsonl"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
