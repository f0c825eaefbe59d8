"""The rule of `docs/gitops.yaml`, which announces manifest lists to a GitOps controller."""

from support.background import ROOT
from support.emulator import Emulator
from patterns import matched
from support.waiting import eventually


def test_only_the_push_of_a_list_is_announced(aws: Emulator) -> None:
    text = (ROOT / "docs" / "gitops.yaml").read_text()
    # The emulator has no API destinations.
    rule_alone = text[: text.index("      Targets:\n")] + text[text.index("Outputs:\n") :]
    values = {"Endpoint": "https://updater.example.com/webhook?type=cloudevents", "Secret": "s3cret"}
    client = aws.client("cloudformation")
    client.create_stack(
        StackName="gitops",
        TemplateBody=rule_alone,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
    )

    def outputs() -> dict[str, str]:
        [stack] = client.describe_stacks(StackName="gitops")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    rule = eventually("the stack is created", outputs)["ListRuleArn"].rpartition("/")[2]
    pattern = aws.client("events").describe_rule(Name=rule)["EventPattern"]
    assert matched(aws, pattern) == {"push-own-list"}
