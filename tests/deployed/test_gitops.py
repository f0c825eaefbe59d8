"""The rule of `docs/gitops.yaml`, which announces manifest lists to a GitOps controller."""

import pytest

from patterns import matched
from support.background import ROOT
from support.emulator import Emulator
from support.waiting import eventually


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, {"push-own-list"}),
        # An attested platform is an index, like a list.
        ({"OtherSuffixes": "-amd64,-soci"}, {"push-attested", "push-own-list"}),
        ({"Repositories": "team-a/*,base"}, set()),
        ({"Repositories": "base,ap*"}, {"push-own-list"}),
    ],
    ids=["default", "suffixes", "other-repositories", "globs"],
)
def test_only_the_push_of_a_list_is_announced(
    aws: Emulator, parameters: dict[str, str], expected: set[str], request: pytest.FixtureRequest
) -> None:
    name = f"gitops-{request.node.callspec.id}"
    text = (ROOT / "docs" / "gitops.yaml").read_text()
    # The emulator has no API destinations.
    rule_alone = text[: text.index("      Targets:\n")] + text[text.index("Outputs:\n") :]
    required = {"Endpoint": "https://updater.example.com/webhook?type=cloudevents", "Secret": "s3cret"}
    client = aws.client("cloudformation")
    client.create_stack(
        StackName=name,
        TemplateBody=rule_alone,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in {**required, **parameters}.items()],
    )

    def outputs() -> dict[str, str]:
        [stack] = client.describe_stacks(StackName=name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    rule = eventually("the stack is created", outputs)["ListRuleArn"].rpartition("/")[2]
    pattern = aws.client("events").describe_rule(Name=rule)["EventPattern"]
    assert matched(aws, pattern) == expected
