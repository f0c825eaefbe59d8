"""The commands by which the project's README deploys a release and tries it."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.announcing import Announcing
from support.artifacts import ARTIFACTS, archive
from support.background import environment
from support.commands import section, shell_blocks
from support.emulator import CREDENTIALS, Emulator
from support.local_ecr import LocalEcr
from support.stack import ARCHITECTURE, announce_push


def commands() -> tuple[str, str]:
    """Those that deploy, and those that check the deployment."""
    deploy, first_check = shell_blocks(section("README.md", "Deploy"))
    return deploy, first_check


@dataclass(frozen=True)
class Machine:
    """A machine of somebody who has the AWS tools and the archive, but no compiler."""

    folder: Path
    variables: dict[str, str]

    @classmethod
    def create(cls, folder: Path, aws: Emulator, ecr: LocalEcr) -> "Machine":
        """Sets it up in a folder, with the emulator as AWS and the local ECR, which announces pushes, as ECR."""
        events = aws.client("events")
        announcing = Announcing(ecr, lambda repository, tag: announce_push(events, repository, tag))
        programs = folder / "bin"
        programs.mkdir(parents=True)
        for name in ("aws", "sam"):
            program = shutil.which(name)
            assert program, f"{name} is missing: run .ci/release-tests, which installs it"
            (programs / name).symlink_to(program)
        for download in (archive(ARCHITECTURE), ARTIFACTS / "SHA256SUMS"):
            shutil.copy(download, folder)
        path = f"{programs}:/usr/bin:/bin"
        assert shutil.which("cargo", path=path) is None
        variables = {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_ENDPOINT_URL_ECR": announcing.url,
            "HOME": str(folder),
            "PATH": path,
            "SAM_CLI_TELEMETRY": "0",
        }
        return cls(folder, variables)

    def run(self, script: str, folder: Path, log: Path) -> str:
        """Runs commands in a folder, and returns what they print on standard output."""
        with log.open("w+") as file:
            done = subprocess.run(
                ["sh", "-eu", "-c", script],
                check=False,
                cwd=folder,
                env=environment(self.variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                timeout=300,
            )
            file.seek(0)
            assert done.returncode == 0, f"{done.stdout}\n{file.read()}"
        return done.stdout


def replaced(text: str, part: str, by: str) -> str:
    """The text with another part, which it must contain."""
    assert part in text, f"{part!r} is not in {text!r}"
    return text.replace(part, by)
