"""The example of the module's README, applied to the emulator of AWS. The tests share one stack, in their order."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.artifacts import Release
from support.background import ROOT
from support.emulator import Emulator
from support.local_ecr import LocalEcr
from support.stack import Stack
from support.waiting import eventually
from terraform import Terraform

BUCKET = "my-artifacts"
"""The bucket that the example names."""

NAME = "ecr-multiarch"
PARAMETERS = {
    "Platforms": "linux/amd64,linux/arm64",
    "Repositories": "app,team-a/*",
    "Rules": '[{"repositories":["team-a/*"],"revisions":"any"}]',
}
"""The parameters of the example."""
TAGS = {"tags": {"team": "platform"}}
"""What the tests add to the example. The emulator does not remove tags."""


@pytest.fixture(scope="module")
def terraform(folder: Path, aws: Emulator, own_release: Release) -> Terraform:
    """The example, applied with the folder of the release as its source."""
    client = aws.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": client.meta.region_name})
    _, _, rest = (ROOT / "terraform" / "README.md").read_text().partition("```hcl\n")
    example, _, _ = rest.partition("```")
    named = "./ecr-multiarch-VERSION-arm64/"
    assert example.count(named) == 1, example
    configuration = example.replace(named, f"./{own_release.folder.name}/")
    root = Terraform.create(folder / "root", aws, own_release.folder, configuration)
    root.set(TAGS)
    root.apply()
    return root


@pytest.fixture(scope="module")
def stack(terraform: Terraform, aws: Emulator) -> Stack:
    """The stack that it deploys."""
    return Stack(aws, NAME)


@pytest.fixture
def template(terraform: Terraform, own_release: Release) -> Path:
    """The template of the release, beside the root module."""
    return terraform.folder / own_release.folder.name / "template.yaml"


def description(aws: Emulator) -> dict[str, Any]:
    """What CloudFormation says of the stack."""
    [described] = aws.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
    return described


def parameters(aws: Emulator) -> dict[str, str]:
    """The parameters of the stack."""
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in description(aws)["Parameters"]}


def keys(aws: Emulator) -> set[str]:
    """The keys of the stack in the bucket."""
    listed = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{NAME}/")
    return {entry["Key"] for entry in listed.get("Contents", [])}


@contextmanager
def changed(file: Path, text: str) -> Iterator[None]:
    """Another text of a file, for a while."""
    before = file.read_text()
    assert text != before
    file.write_text(text)
    try:
        yield
    finally:
        file.write_text(before)


def test_outputs_are_those_of_the_stack(terraform: Terraform, aws: Emulator) -> None:
    expected = {output["OutputKey"]: output["OutputValue"] for output in description(aws)["Outputs"]}
    assert terraform.outputs() == expected


def test_the_stack_has_the_parameters_and_the_tags(stack: Stack, aws: Emulator) -> None:
    deployed = parameters(aws)
    assert {name: deployed[name] for name in PARAMETERS} == PARAMETERS
    assert deployed["SweepPutsPerSecond"] == "2", "the default of the template"
    assert description(aws)["Tags"] == [{"Key": key, "Value": value} for key, value in TAGS["tags"].items()]


def test_the_deployed_function_publishes_a_version(stack: Stack, ecr: LocalEcr) -> None:
    digests = stack.push_version(ecr, "app", "1.0.0")
    assert eventually("the version is published", lambda: ecr.platforms("app", "1.0.0")) == digests


def test_a_second_plan_has_no_changes(terraform: Terraform) -> None:
    assert not terraform.has_changes()


def test_invalid_arguments_are_refused_by_a_plan(terraform: Terraform) -> None:
    invalid = {"bucket": "My_Bucket", "parameters": {"Repositories": "app"}, "stack_name": "1"}
    terraform.set(invalid)
    assert set(re.findall(r"The value of (\w+) must", terraform.refused())) == invalid.keys()
    terraform.set(TAGS)


def test_a_template_without_its_zip_is_refused(terraform: Terraform, template: Path) -> None:
    with changed(template, re.sub(r"CodeUri: \S+\.zip", "CodeUri: .", template.read_text())):
        with pytest.raises(AssertionError, match=r'error calling "regex"|Error in function call'):
            terraform.run("plan")


def test_an_update_that_fails_is_tried_again(terraform: Terraform, template: Path, aws: Emulator) -> None:
    before = keys(aws)
    refused = template.read_text().replace("\nResources:\n", "\nResources:\n  Refused:\n    Type: AWS::ECR::Unknown\n")
    with changed(template, refused):
        for _ in range(2):
            terraform.apply_and_fail("Unrecognized resource types")
            # Without the previous objects, the stack could not be rolled back.
            assert keys(aws) > before

    # Back to the previous release. The first apply deletes its template as one that is no longer needed.
    terraform.apply()
    terraform.apply()
    assert keys(aws) == before
    assert not terraform.has_changes()


def test_a_stack_is_updated_upgraded_and_destroyed(terraform: Terraform, template: Path, aws: Emulator) -> None:
    deployed, first = description(aws), keys(aws)
    assert len(first) == 2
    terraform.set({**TAGS, "parameters": {**PARAMETERS, "MaximumConcurrency": "7"}})
    assert terraform.has_changes()
    terraform.apply()
    assert parameters(aws)["MaximumConcurrency"] == "7"
    assert keys(aws) == first

    # Another release: another zip, and so another template.
    function = Stack(aws, NAME).output("AssemblerArn")
    configuration = aws.client("lambda").get_function_configuration
    hash_before = configuration(FunctionName=function)["CodeSha256"]
    [packaged] = template.parent.glob("*.zip")
    with zipfile.ZipFile(packaged, "a") as archive:
        archive.comment = b"another release"
    printed = terraform.apply()
    assert configuration(FunctionName=function)["CodeSha256"] != hash_before
    assert len(keys(aws)) == 2
    assert not keys(aws) & first
    updated = printed.index("aws_cloudformation_stack.this: Modifications complete")
    deleted = [found.start() for found in re.finditer(r"aws_s3_\w+\.(zip|template) \(\w+\): Destroying", printed)]
    assert len(deleted) == 2 and updated < min(deleted), printed
    assert description(aws)["StackId"] == deployed["StackId"]

    terraform.destroy()
    assert not keys(aws)
    listed = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert NAME not in {described["StackName"] for described in listed}
