"""The machines on which jobs run: a checkout, and stubs in place of the programs that cannot be here."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from background import ROOT

STUBS = Path(__file__).with_name("stubs.py")
STUBBED = ("apk", "aws", "buildkite-agent", "docker", "kubectl")

Entry = dict[str, Any]


@dataclass(frozen=True)
class Machine:
    """A fresh machine of one architecture, with a checkout of the repository that the recipe builds."""

    folder: Path
    variables: Mapping[str, str]

    @property
    def checkout(self) -> Path:
        """The folder in which jobs run."""
        return self.folder / "checkout"

    def run(self, shell: Sequence[str], text: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Runs a script by a shell, with nothing of this process's environment."""
        # A job takes seconds. One that hangs, such as one that waits for a tag of another name, is ended long before
        # its own timeout.
        return subprocess.run(
            [*shell, text],
            cwd=self.checkout,
            env={**self.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=90,
        )


@dataclass
class Machines:
    """Makes machines, and records what the programs on them are asked to do."""

    folder: Path
    variables: Mapping[str, str]
    """What each machine is told: where AWS is, for the AWS CLI and the stubs."""
    faults: dict[str, str] = field(default_factory=dict)
    """What happens to the pushes of an architecture: see `stubs.py`."""
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def make(self, architecture: str) -> Machine:
        """A machine of an architecture."""
        # Jobs that start at the same time get different numbers.
        folder = self.folder / f"machine-{next(self.numbers)}"
        (folder / "checkout").mkdir(parents=True)
        (folder / "home").mkdir()
        (folder / "checkout" / "Dockerfile").write_text("FROM scratch\n")
        shutil.copytree(ROOT / "ci", folder / "checkout" / "ci")
        programs = folder / "programs"
        programs.mkdir()
        for name in STUBBED:
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STUBS}" {name} "$@"\n')
            program.chmod(0o755)
        variables = {
            **self.variables,
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "home"),
            "STUB_JOURNAL": str(self.journal_file),
            "STUB_ARCHITECTURE": architecture,
            "STUB_FAULT": self.faults.get(architecture, ""),
        }
        return Machine(folder, variables)

    @property
    def journal_file(self) -> Path:
        """One line of JSON for each program that was run."""
        return self.folder / "journal"

    def journal(self, program: str) -> list[Entry]:
        """What a program was asked to do, in order."""
        if not self.journal_file.exists():
            return []
        entries = [json.loads(line) for line in self.journal_file.read_text().splitlines()]
        return [entry for entry in entries if entry["program"] == program]

    def forget(self) -> None:
        """Empties the journal and heals all faults."""
        self.journal_file.unlink(missing_ok=True)
        self.faults.clear()


def aws_cli() -> str:
    """The AWS CLI, beside the Python of the tests."""
    return os.path.join(os.path.dirname(sys.executable), "aws")
