"""Stacks whose templates need no build."""

from collections.abc import Mapping
from typing import Any


def create(cloudformation: Any, name: str, template: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Creates a stack by a client, waits until it is there, and returns its outputs."""
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def delete(cloudformation: Any, name: str) -> None:
    """Deletes a stack, and waits until it is gone."""
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
