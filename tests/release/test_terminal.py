"""The program for a terminal, by the commands of the README, on a machine without a compiler."""

import os
import shutil
import subprocess
from pathlib import Path

import elf
import pytest
from readme import Machine, replaced
from support.background import ROOT
from support.artifacts import VERSION, terminal_archive
from support.commands import section, shell_blocks
from support.emulator import Emulator
from support.local_ecr import LocalEcr
from support.stack import ARCHITECTURE

FOLDER = f"ecr-multiarch-{VERSION}-linux-{ARCHITECTURE}"
FILES = {"LICENSE-APACHE", "LICENSE-MIT", "README.md", "SHA256SUMS", "ecr-multiarch"}


@pytest.fixture(scope="module")
def terminal(folder: Path, aws: Emulator, ecr: LocalEcr) -> Machine:
    """A machine with the archive."""
    machine = Machine.create(folder / "terminal", aws, ecr)
    shutil.copy(terminal_archive(ARCHITECTURE), machine.folder)
    return machine


def blocks() -> list[str]:
    """The commands of the README, for the architecture of this machine."""
    unpack, sweep = shell_blocks(section("README.md", "Look before you install"))
    return [replaced(unpack, f"{VERSION}-linux-x86_64", f"{VERSION}-linux-{ARCHITECTURE}"), sweep]


def test_the_audit_needs_neither_rust_nor_settings(terminal: Machine, ecr: LocalEcr, folder: Path) -> None:
    ecr.push_version("audited", "1.0.0")
    stdout = terminal.run(blocks()[0], terminal.folder, folder / "audit.log")
    page = terminal.folder / FOLDER / "audit.html"
    assert "audited" in stdout and "audited" in page.read_text()


def test_the_sweep_shows_what_the_function_would_publish(terminal: Machine, ecr: LocalEcr, folder: Path) -> None:
    ecr.push_version("swept-dry", "1.0.0")
    terminal.run(blocks()[0], terminal.folder, folder / "unpack.log")
    stdout = terminal.run(blocks()[1], terminal.folder / FOLDER, folder / "sweep.log")
    assert "swept-dry" in stdout
    assert not ecr.platforms("swept-dry", "1.0.0")


def test_the_commands_of_the_guide_to_the_audit_are_understood(terminal: Machine, ecr: LocalEcr, folder: Path) -> None:
    ecr.push_version("team-a/audited", "1.0.0")
    terminal.run(blocks()[0], terminal.folder, folder / "unpacked.log")
    [commands] = shell_blocks((ROOT / "docs" / "audit.md").read_text())
    for command in commands.splitlines():
        # With findings or without: only what is not understood has another exit code.
        script = f'PATH=$PWD:$PATH\n{command} || [ $? = 1 ]'
        terminal.run(script, terminal.folder / FOLDER, folder / "audit-guide.log")


def test_the_folder_has_a_static_program_and_what_it_is_made_of(tmp_path: Path) -> None:
    subprocess.run(["tar", "-xzf", str(terminal_archive(ARCHITECTURE)), "-C", str(tmp_path)], check=True)
    files = {path.name for path in (tmp_path / FOLDER).iterdir()}
    assert files == FILES | {f"ecr-multiarch-linux-{ARCHITECTURE}.cdx.json"}
    program = tmp_path / FOLDER / "ecr-multiarch"
    binary = elf.read(program)
    assert os.access(program, os.X_OK)
    assert ".interp" not in binary.sections and binary.glibc() is None
    assert any(package["name"] == "ecr-multiarch-cli" for package in binary.dependencies())
