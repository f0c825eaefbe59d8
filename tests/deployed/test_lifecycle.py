"""Update and removal of a stack, and two stacks side by side."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.background import ROOT
from support.emulator import Emulator
from support.stack import BUILD, PARAMETERS, Stack, deploy

# For each kind of resource of a stack: the service, the operation that lists them, and the field with their list.
LISTS = {
    "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms"),
    "dashboards": ("cloudwatch", "list_dashboards", "DashboardEntries"),
    "functions": ("lambda", "list_functions", "Functions"),
    "log groups": ("logs", "describe_log_groups", "logGroups"),
    "mappings": ("lambda", "list_event_source_mappings", "EventSourceMappings"),
    "queues": ("sqs", "list_queues", "QueueUrls"),
    "roles": ("iam", "list_roles", "Roles"),
    "rules": ("events", "list_rules", "Rules"),
    "schedules": ("scheduler", "list_schedules", "Schedules"),
    "state machines": ("stepfunctions", "list_state_machines", "stateMachines"),
}


def resources(aws: Emulator) -> dict[str, int]:
    """How many resources of each kind there are."""

    def count(service: str, operation: str, field: str) -> int:
        list_all: Callable[[], dict[str, Any]] = getattr(aws.client(service), operation)
        return len(list_all().get(field, []))

    return {kind: count(*listed) for kind, listed in LISTS.items()}


def with_other_definition(folder: Path) -> Path:
    """The built template, with another definition of a state machine. Beside the template, whose paths are relative."""
    definition = folder / "other.asl.json"
    text = (ROOT / "statemachine" / "sweep.asl.json").read_text()
    definition.write_text(text.replace('"MaxConcurrency": 4', '"MaxConcurrency": 3'))
    built = (BUILD / "template.yaml").read_text()
    [path] = re.findall(r"DefinitionUri: (\S*/sweep\.asl\.json)", built)
    template = BUILD / "other-template.yaml"
    template.write_text(built.replace(path, str(definition)))
    return template


def test_a_stack_is_updated_in_place_and_leaves_nothing_behind(stack: Stack, aws: Emulator, folder: Path) -> None:
    before = resources(aws)
    other = deploy(aws, "other-images", {**PARAMETERS, "Repositories": "other"}, folder / "sam-deploy-other.log")
    created = resources(aws)
    assert all(created[kind] > before[kind] for kind in LISTS), (before, created)
    mapping, queue = other.mapping(), other.output("PushQueueUrl")
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}

    machine = other.output("SweepMachineArn")
    describe_machine = aws.client("stepfunctions").describe_state_machine
    assert '"MaxConcurrency": 4' in describe_machine(stateMachineArn=machine)["definition"]

    parameters = {**PARAMETERS, "Repositories": "other", "MaximumConcurrency": "5", "LogLevel": "WARN"}
    template = with_other_definition(folder)
    deploy(aws, "other-images", parameters, folder / "sam-deploy-update.log", template)
    assert resources(aws) == created
    assert other.mapping()["UUID"] == mapping["UUID"]
    assert other.mapping()["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert other.output("PushQueueUrl") == queue
    assert other.output("SweepMachineArn") == machine
    assert '"MaxConcurrency": 3' in describe_machine(stateMachineArn=machine)["definition"]

    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName=other.name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=other.name, WaiterConfig={"Delay": 1})
    assert resources(aws) == before


def test_the_mapping_is_as_the_template_says(stack: Stack) -> None:
    mapping = stack.mapping()
    assert mapping["EventSourceArn"] == stack.output("PushQueueArn")
    assert mapping["FunctionArn"] == stack.output("AssemblerArn")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10
