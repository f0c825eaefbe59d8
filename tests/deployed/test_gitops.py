"""The rule of `docs/gitops.yaml`, which announces manifest lists to a GitOps controller."""

import pytest

from patterns import matched
from support.background import ROOT
from support.cloudformation import create
from support.emulator import Emulator


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
    outputs = create(aws.client("cloudformation"), name, rule_alone, {**required, **parameters})
    rule = outputs["ListRuleArn"].rpartition("/")[2]
    pattern = aws.client("events").describe_rule(Name=rule)["EventPattern"]
    assert matched(aws, pattern) == expected
