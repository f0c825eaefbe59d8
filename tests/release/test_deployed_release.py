"""The release, deployed by the commands of the README by a user who has neither its source nor a compiler."""

from pathlib import Path

import pytest

from support.artifacts import VERSION, Release
from support.background import ROOT
from support.commands import VERSION_1, VERSION_2, program, section, shell_blocks
from support.emulator import Emulator
from support.local_ecr import LocalEcr
from readme import Machine, commands, replaced
from support.stack import ARCHITECTURE, Stack
from support.state_machine import StateMachine
from support.waiting import eventually


@pytest.fixture(scope="session")
def machine(folder: Path, aws: Emulator, ecr: LocalEcr) -> Machine:
    """The user's machine."""
    return Machine.create(folder / "machine", aws, ecr)


@pytest.fixture(scope="session")
def stack(machine: Machine, folder: Path, aws: Emulator) -> Stack:
    """The deployed release."""
    deploy, _ = commands()
    # The emulator runs the program, which must be for this machine.
    for_arm64, own = f"{VERSION}-arm64", f"{VERSION}-{ARCHITECTURE}"
    machine.run(replaced(deploy, for_arm64, own), machine.folder, folder / "deploy.log")
    return Stack(aws, "ecr-multiarch")


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("aws_cli", [VERSION_1, VERSION_2])
def test_the_check_of_the_readme_finds_that_the_stack_works(
    machine: Machine, own_release: Release, ecr: LocalEcr, tmp_path: Path, aws_cli: Path
) -> None:
    _, check = commands()
    urls = [machine.variables[name] for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECR")]
    program(tmp_path, aws_cli, *urls)
    script = f"PATH={tmp_path}:$PATH\n{check}"
    stdout = machine.run(script, machine.folder / own_release.folder.name, tmp_path / "check.log")
    assert "first-check: it has these images" in stdout
    assert "first-check" not in ecr.repositories()


def test_the_aws_cli_deploys_the_program_without_sam(
    machine: Machine, own_release: Release, aws: Emulator, folder: Path
) -> None:
    """By the commands of docs/deploy.md."""
    _, _, guide = (ROOT / "docs" / "deploy.md").read_text().partition("Without the SAM\nCLI")
    block = guide.split("```sh\n", 1)[1].partition("```")[0]
    location = {"LocationConstraint": aws.client("s3").meta.region_name}
    aws.client("s3").create_bucket(Bucket="my-artifacts", CreateBucketConfiguration=location)
    script = f"bucket=my-artifacts\n{replaced(block, '--stack-name ecr-multiarch', '--stack-name by-aws-cli')}"
    machine.run(script, own_release.folder, folder / "aws-deploy.log")
    stack = Stack(aws, "by-aws-cli")
    assert stack.invoke({"action": "registries"})["registries"]


def test_it_is_tried_on_one_repository_and_removed_again(
    machine: Machine, own_release: Release, aws: Emulator, ecr: LocalEcr, folder: Path
) -> None:
    """By the commands of docs/deploy.md, for a stack of its own."""
    [block] = shell_blocks(section("docs/deploy.md", "Try it on one repository, and remove it again"))
    script = replaced(block, "sam deploy", "sam deploy --stack-name tried")
    script = replaced(script, "./first-check", "./first-check --stack tried")
    script = replaced(script, "--stack-name ecr-multiarch", "--stack-name tried")
    stdout = machine.run(script, own_release.folder, folder / "tried.log")
    assert "first-check: it has these images" in stdout
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert "tried" not in [stack["StackName"] for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"]


def test_the_guide_of_the_archive_has_the_command_of_the_readme(own_release: Release) -> None:
    deploy, _ = commands()
    [command] = (line for line in deploy.splitlines() if line.startswith("sam deploy"))
    assert f"\n{command}\n" in (own_release.folder / "README.md").read_text()


def test_pushed_images_become_a_manifest_list(stack: Stack, ecr: LocalEcr) -> None:
    digests = stack.push_version(ecr, "app", "1.0.0")
    assert eventually("the list is published", lambda: ecr.platforms("app", "1.0.0")) == digests


def test_the_state_machines_sweep(stack: Stack, ecr: LocalEcr) -> None:
    digests = ecr.push_version("swept", "1.0.0")
    StateMachine(stack.emulator, stack.output("SweepMachineArn")).start().output()
    assert ecr.platforms("swept", "1.0.0") == digests
