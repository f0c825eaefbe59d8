"""Each gap of the emulator that `emulator_shim.py` closes is still there, and is closed.

A test that fails for the stock emulator means that a function of the shim can go.
"""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from emulator import ACCOUNT, REGION, Emulator
from state_machine import Execution
from waiting import eventually

Check = Callable[[Emulator], bool]


def create_stack(aws: Emulator, name: str, template: dict[str, Any], **parameters: str) -> Any:
    """Creates a stack, and returns its description."""
    cloudformation = aws.client("cloudformation")
    values = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Parameters=values)
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    return cloudformation.describe_stacks(StackName=name)["Stacks"][0]


def maximum_concurrency_is_a_number(aws: Emulator) -> bool:
    """A parameter for the maximum concurrency of an event source mapping becomes a number."""
    mapping = {
        # Disabled, since the stock emulator stops polling for all mappings otherwise.
        "Enabled": False,
        "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
        "FunctionName": "absent",
        "ScalingConfig": {"MaximumConcurrency": {"Ref": "Concurrency"}},
    }
    template = {
        "Parameters": {"Concurrency": {"Type": "Number"}},
        "Resources": {
            "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
            "Queue": {"Type": "AWS::SQS::Queue"},
        },
        "Outputs": {"Mapping": {"Value": {"Ref": "Mapping"}}},
    }
    [output] = create_stack(aws, "concurrency", template, Concurrency="3")["Outputs"]
    client = aws.client("lambda")
    bodies = []
    # The SDK would convert it.
    client.meta.events.register("after-call", lambda http_response, **_: bodies.append(json.loads(http_response.text)))
    client.get_event_source_mapping(UUID=output["OutputValue"])
    return bodies[0]["ScalingConfig"]["MaximumConcurrency"] == 3


def conditions_evaluate_joins(aws: Emulator) -> bool:
    """A condition compares the joined entries of a list."""
    template = {
        "Parameters": {"List": {"Type": "CommaDelimitedList", "Default": ""}},
        "Conditions": {"IsEmpty": {"Fn::Equals": [{"Fn::Join": ["", {"Ref": "List"}]}, ""]}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"IsEmpty": {"Condition": "IsEmpty", "Value": "true"}},
    }
    return bool(create_stack(aws, "condition", template).get("Outputs"))


def conditions_know_the_account_and_region(aws: Emulator) -> bool:
    """A condition compares the pseudo parameters for account and Region."""
    here = [{"Fn::Equals": [{"Ref": "AWS::AccountId"}, ACCOUNT]}, {"Fn::Equals": [{"Ref": "AWS::Region"}, REGION]}]
    template = {
        "Conditions": {"IsHere": {"Fn::And": here}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"IsHere": {"Condition": "IsHere", "Value": "true"}},
    }
    return bool(create_stack(aws, "pseudo-parameters", template).get("Outputs"))


def templates_can_be_named_by_the_host_of_their_bucket(aws: Emulator) -> bool:
    """The URL of a template has the bucket in its host, as S3 recommends."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION})
    body = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    s3.put_object(Bucket="templates", Key="shim/template.json", Body=body)
    url = f"https://templates.s3.{REGION}.amazonaws.com/shim/template.json"
    try:
        aws.client("cloudformation").create_stack(StackName="template-url", TemplateURL=url)
        return True
    except ClientError as error:
        assert f"Template not found at {url}" in str(error), error
        return False


def alarms_can_watch_expressions(aws: Emulator) -> bool:
    """An alarm watches an expression over metrics."""
    metric = {"Namespace": "AWS/Usage", "MetricName": "CallCount"}
    calls = {"Id": "calls", "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    alarm = {
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Metrics": [calls, {"Id": "twice", "Expression": "calls * 2"}],
        "Threshold": 1,
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm}}}
    try:
        create_stack(aws, "expression", template)
        return True
    except WaiterError:
        return False


def messages_can_be_moved_back(aws: Emulator) -> bool:
    """SQS moves the messages of a dead-letter queue."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    try:
        sqs.start_message_move_task(SourceArn=arn)
        return len(sqs.list_message_move_tasks(SourceArn=arn)["Results"]) == 1
    except ClientError as error:
        assert error.response["Error"]["Code"].endswith("InvalidAction"), error
        return False


def pushes_can_be_announced(aws: Emulator) -> bool:
    """An event of ECR can be put. AWS refuses that to everyone but ECR."""
    event = {"Source": "aws.ecr", "DetailType": "ECR Image Action", "Detail": "{}"}
    [entry] = aws.client("events").put_events(Entries=[event])["Entries"]
    assert entry.get("ErrorCode") in (None, "NotAuthorizedForSourceException"), entry
    return "EventId" in entry


def a_bus_can_have_a_policy(aws: Emulator) -> bool:
    """The resource type of a statement in the policy of a bus exists."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "*"}
    policy = {"EventBusName": "default", "StatementId": "shim", "Statement": statement}
    template = {"Resources": {"Policy": {"Type": "AWS::Events::EventBusPolicy", "Properties": policy}}}
    try:
        create_stack(aws, "bus-policy", template)
        return True
    except (ClientError, WaiterError) as error:
        assert "AWS::Events::EventBusPolicy" in str(error), error
        return False


def events_reach_other_accounts_and_regions(aws: Emulator) -> bool:
    """A rule sends events to the bus of another account and Region."""
    other = {"account": "999999999999", "region": "us-east-1"}
    sqs, there = aws.client("sqs", **other), aws.client("events", **other)
    url = sqs.create_queue(QueueName="arrived")["QueueUrl"]
    pattern = json.dumps({"source": ["shim.test"]})
    there.put_rule(Name="arrived", EventPattern=pattern)
    queue = f"arn:aws:sqs:{other['region']}:{other['account']}:arrived"
    there.put_targets(Rule="arrived", Targets=[{"Id": "queue", "Arn": queue}])
    here = aws.client("events")
    here.put_rule(Name="sends", EventPattern=pattern)
    bus = f"arn:aws:events:{other['region']}:{other['account']}:event-bus/default"
    here.put_targets(Rule="sends", Targets=[{"Id": "bus", "Arn": bus, "RoleArn": "arn:aws:iam::123456789012:role/any"}])
    here.put_events(Entries=[{"Source": "shim.test", "DetailType": "any", "Detail": "{}"}])
    here.remove_targets(Rule="sends", Ids=["bus"])
    here.delete_rule(Name="sends")
    return "Messages" in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)


def failed_task(aws: Emulator, name: str, resource: str, arguments: dict[str, Any]) -> tuple[str, str]:
    """Runs a task that fails in a state machine of its own, and returns its error and the cause."""
    task = {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True}
    machine = create_machine(aws, name, task)
    arn = aws.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    return Execution(aws, arn).error()


def create_machine(aws: Emulator, name: str, state: dict[str, Any]) -> str:
    """Creates a state machine of one state, and returns its ARN."""
    definition = {"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": state}}
    role = "arn:aws:iam::123456789012:role/any"
    client = aws.client("stepfunctions")
    return client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)["stateMachineArn"]


def throttled_invocations_have_an_error_name(aws: Emulator) -> bool:
    """The error of a task whose invocation Lambda throttles is `Lambda.TooManyRequestsException`."""
    client = aws.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bootstrap", "")
    client.create_function(
        FunctionName="throttled",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role="arn:aws:iam::123456789012:role/any",
        Code={"ZipFile": archive.getvalue()},
    )
    client.put_function_concurrency(FunctionName="throttled", ReservedConcurrentExecutions=0)
    error, _ = failed_task(aws, "throttled", "arn:aws:states:::lambda:invoke", {"FunctionName": "throttled"})
    assert error in ("Lambda.Unknown", "Lambda.TooManyRequestsException"), error
    return error == "Lambda.TooManyRequestsException"


def nested_executions_are_described(aws: Emulator) -> bool:
    """The cause of a task that waits for an execution describes it, if the execution fails."""
    nested = create_machine(aws, "nested", {"Type": "Fail", "Error": "Refused", "Cause": "as the test wants"})
    resource = "arn:aws:states:::states:startExecution.sync:2"
    error, cause = failed_task(aws, "nesting", resource, {"StateMachineArn": nested})
    if error == "Refused":
        return False
    description = json.loads(cause)
    return (error, description["Error"], description["Status"]) == ("States.TaskFailed", "Refused", "FAILED")


def state_machines_can_call_organizations(aws: Emulator) -> bool:
    """A task of a state machine lists the accounts of the organization."""
    resource = "arn:aws:states:::aws-sdk:organizations:listAccounts"
    task = {"Type": "Task", "Resource": resource, "Arguments": {}, "End": True}
    machine = create_machine(aws, "organizations", task)
    arn = aws.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    execution = Execution(aws, arn)
    eventually("the execution ends", lambda: not execution.is_running())
    return execution.description()["status"] == "SUCCEEDED"


def accounts_are_listed_in_pages(aws: Emulator) -> bool:
    """A page of accounts has the token of the next one."""
    organizations = aws.client("organizations")
    for name in ("one", "two", "three"):
        organizations.create_account(AccountName=name, Email=f"{name}@example.com")
    return "NextToken" in organizations.list_accounts()


GAPS = [
    maximum_concurrency_is_a_number,
    conditions_evaluate_joins,
    conditions_know_the_account_and_region,
    templates_can_be_named_by_the_host_of_their_bucket,
    alarms_can_watch_expressions,
    messages_can_be_moved_back,
    pushes_can_be_announced,
    a_bus_can_have_a_policy,
    events_reach_other_accounts_and_regions,
    throttled_invocations_have_an_error_name,
    nested_executions_are_described,
    state_machines_can_call_organizations,
    accounts_are_listed_in_pages,
]


@pytest.mark.parametrize("works", GAPS, ids=lambda check: check.__name__)
def test_the_stock_emulator_still_needs_the_shim(stock: Emulator, works: Check) -> None:
    assert not works(stock), f"remove this part of emulator_shim.py, and this check: {works.__doc__}"


@pytest.mark.parametrize("works", GAPS, ids=lambda check: check.__name__)
def test_the_shim_closes_the_gap(aws: Emulator, works: Check) -> None:
    assert works(aws)
