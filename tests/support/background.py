"""Programs that run in the background of the tests."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
"""The root of the project."""


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with changes, but without what it says of AWS and of proxies."""
    foreign = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**inherited, **files, **changes}


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


class Program:
    """A running program, and the file with its output."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def output(self) -> str:
        """What it has printed so far. Fails if it has ended."""
        text = self.log.read_text(errors="replace")
        if self.process.poll() is not None:
            raise AssertionError(f"{self.process.args!r} ended with {self.process.returncode}:\n{text}")
        return text


@contextmanager
def running(command: Sequence[str | Path], log: Path, changes: Mapping[str, str]) -> Iterator[Program]:
    """Runs a program, and ends it together with the processes that it has started."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(changes), stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield Program(process, log)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process group that the process leads."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            eventually("the program ends", lambda: process.poll() is not None, seconds=10)
        except (AssertionError, ProcessLookupError):
            continue
