"""The release, deployed from its folder by a user who has neither its source nor a compiler."""

import shutil
import subprocess
from pathlib import Path

import pytest

from artifacts import Release
from background import environment
from emulator import CREDENTIALS, Emulator
from local_ecr import LocalEcr
from stack import Stack
from waiting import eventually

COMMAND = ["sam", "deploy", "--parameter-overrides", 'Platforms="linux/amd64,linux/arm64"']
"""The command of the guide in the release."""


@pytest.fixture(scope="session")
def stack(own_release: Release, aws: Emulator, folder: Path) -> Stack:
    """The deployed release."""
    sam = shutil.which("sam")
    assert sam, "run .ci/release-tests, which installs it"
    programs = folder / "bin"
    programs.mkdir()
    (programs / "sam").symlink_to(sam)
    variables = {**CREDENTIALS, "AWS_ENDPOINT_URL": aws.url, "SAM_CLI_TELEMETRY": "0", "PATH": str(programs)}
    with (folder / "sam-deploy.log").open("w+") as log:
        done = subprocess.run(
            COMMAND,
            check=False,
            cwd=own_release.folder,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        log.seek(0)
        assert done.returncode == 0, log.read()
    return Stack(aws, "ecr-multiarch")


def test_the_guide_says_how_it_is_deployed(own_release: Release) -> None:
    [*words, parameters] = COMMAND
    assert f"\n{' '.join(words)} '{parameters}'\n" in (own_release.folder / "README.md").read_text()


def test_pushed_images_become_a_manifest_list(stack: Stack, ecr: LocalEcr) -> None:
    digests = {}
    for architecture in ("amd64", "arm64"):
        digests[architecture] = ecr.push("app", f"1.0.0-{architecture}", architecture)
        stack.announce_push("app", f"1.0.0-{architecture}")
    assert eventually("the list is published", lambda: ecr.platforms("app", "1.0.0")) == digests


def test_the_state_machines_sweep(stack: Stack, ecr: LocalEcr) -> None:
    digests = ecr.push_version("swept", "1.0.0")
    machines = stack.emulator.client("stepfunctions")
    execution = machines.start_execution(stateMachineArn=stack.output("SweepMachineArn"), input="{}")["executionArn"]

    def ended() -> bool:
        return bool(machines.describe_execution(executionArn=execution)["status"] != "RUNNING")

    eventually("the sweep ends", ended)
    assert machines.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"
    assert ecr.platforms("swept", "1.0.0") == digests
