"""The module, applied by terraform to the emulator of AWS."""

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

import module
from conftest import BUCKET, Create
from emulator import Emulator
from local_ecr import LocalEcr
from stack import Stack
from terraform import Terraform
from waiting import eventually

ARGUMENTS: dict[str, Any] = {
    "accounts": ["111122223333", "444455556666"],
    "log_retention_days": 7,
    "repositories": ["app", "team-a/*"],
    "rules": '[{"repositories": ["team-a/*"], "revisions": "any"}]',
    "sweep_puts_per_second": 0.5,
    "tags": {"team": "platform"},
}
"""A value of each type that a variable has. The default of exclude_from_pull_time is a boolean."""

PARAMETERS = {
    "Accounts": "111122223333,444455556666",
    "LogRetentionDays": "7",
    "Repositories": "app,team-a/*",
    "Rules": '[{"repositories": ["team-a/*"], "revisions": "any"}]',
    "SweepPutsPerSecond": "0.5",
}
"""The same as parameters of the stack."""


@pytest.fixture(scope="module")
def terraform(create: Create) -> Terraform:
    """The example of the README with some more arguments, applied."""
    root = create("example")
    root.set(ARGUMENTS)
    root.apply()
    return root


@pytest.fixture(scope="module")
def stack(terraform: Terraform, aws: Emulator) -> Stack:
    """The stack that it deploys."""
    return Stack(aws, "ecr-multiarch")


def description(aws: Emulator, name: str) -> dict[str, Any]:
    """What CloudFormation says of a stack."""
    [described] = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return described


def parameters(aws: Emulator, name: str) -> dict[str, str]:
    """The parameters of a stack."""
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in description(aws, name)["Parameters"]}


def keys(aws: Emulator, prefix: str) -> set[str]:
    """The keys in the bucket that begin with a text."""
    listed = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return {entry["Key"] for entry in listed.get("Contents", [])}


def test_the_outputs_are_those_of_the_stack(terraform: Terraform, stack: Stack) -> None:
    outputs = terraform.outputs()
    assert outputs == {module.snake_case(name): stack.output(name) for name in module.template()["Outputs"]}


def test_the_arguments_are_the_parameters_of_the_stack(stack: Stack, aws: Emulator) -> None:
    deployed = parameters(aws, stack.name)
    assert {name: deployed[name] for name in PARAMETERS} == PARAMETERS
    assert description(aws, stack.name)["Tags"] == [{"Key": "team", "Value": "platform"}]


def test_what_is_not_set_has_the_default_of_the_template(stack: Stack, aws: Emulator) -> None:
    template = module.template()["Parameters"]
    defaults = {
        name: str(template[name]["Default"]) for name in module.parameters() - PARAMETERS.keys() - {"Platforms"}
    }
    deployed = parameters(aws, stack.name)
    assert {name: deployed[name] for name in defaults} == defaults


def test_the_deployed_function_publishes_a_version(stack: Stack, ecr: LocalEcr) -> None:
    digests = ecr.push_version("app", "1.0.0")
    for architecture in digests:
        stack.announce_push("app", f"1.0.0-{architecture}")
    assert eventually("the version is published", lambda: ecr.platforms("app", "1.0.0")) == digests


def test_a_second_plan_has_no_changes(terraform: Terraform) -> None:
    assert not terraform.has_changes()


def test_a_stack_is_updated_upgraded_and_destroyed(create: Create, release: Path, aws: Emulator) -> None:
    root = create("lifecycle")
    root.set({"stack_name": "lifecycle"})
    root.apply()
    deployed, first = description(aws, "lifecycle"), keys(aws, "lifecycle/")
    assert len(first) == 2

    root.set({"stack_name": "lifecycle", "maximum_concurrency": 7})
    assert root.has_changes()
    root.apply()
    assert parameters(aws, "lifecycle")["MaximumConcurrency"] == "7"
    assert keys(aws, "lifecycle/") == first

    # Another release: another zip, and so another template.
    function = Stack(aws, "lifecycle").output("AssemblerArn")
    configuration = aws.client("lambda").get_function_configuration
    hash_before = configuration(FunctionName=function)["CodeSha256"]
    [packaged] = (root.folder / release.name).glob("*.zip")
    with zipfile.ZipFile(packaged, "a") as archive:
        archive.comment = b"another release"
    printed = root.apply()
    assert configuration(FunctionName=function)["CodeSha256"] != hash_before
    assert len(keys(aws, "lifecycle/")) == 2
    assert not keys(aws, "lifecycle/") & first
    updated = printed.index("aws_cloudformation_stack.this: Modifications complete")
    deleted = [found.start() for found in re.finditer(r"aws_s3_\w+\.(zip|template) \(\w+\): Destroying", printed)]
    assert len(deleted) == 2 and updated < min(deleted), printed
    assert description(aws, "lifecycle")["StackId"] == deployed["StackId"]

    root.destroy()
    assert not keys(aws, "lifecycle/")
    listed = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert "lifecycle" not in {described["StackName"] for described in listed}


def test_values_that_the_template_refuses_are_refused_by_a_plan(create: Create) -> None:
    root = create("refused")
    invalid = {
        "accounts": ["12"],
        "attestations": "both",
        "log_retention_days": 2,
        "platforms": "linux",
        "repositories": [],
        "sweep_puts_per_second": 0,
    }
    root.set(invalid)
    printed = root.refused()
    assert set(re.findall(r"The value of (\w+) must be", printed)) == invalid.keys()


def test_a_template_without_its_zip_is_refused(create: Create, release: Path) -> None:
    root = create("without-zip")
    template = root.folder / release.name / "template.yaml"
    template.write_text(re.sub(r"CodeUri: \S+\.zip", "CodeUri: .", template.read_text()))
    with pytest.raises(AssertionError, match=r'error calling "regex"|Error in function call'):
        root.run("plan")


def test_an_update_that_fails_is_tried_again(terraform: Terraform, stack: Stack, release: Path, aws: Emulator) -> None:
    prefix = f"{stack.name}/"
    before = keys(aws, prefix)
    template = terraform.folder / release.name / "template.yaml"
    packaged = template.read_text()
    template.write_text(packaged.replace("\nResources:\n", "\nResources:\n  Refused:\n    Type: AWS::ECR::Unknown\n"))
    for _ in range(2):
        terraform.apply_and_fail("Unrecognized resource types")
        # Without the previous objects, the stack could not be rolled back.
        assert keys(aws, prefix) > before

    # Back to the previous release. The first apply deletes its template as one that is no longer needed.
    template.write_text(packaged)
    terraform.apply()
    terraform.apply()
    assert keys(aws, prefix) == before
    assert not terraform.has_changes()
