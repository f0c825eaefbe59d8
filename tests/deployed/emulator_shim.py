"""Starts the emulator of AWS, ministack, with what it lacks for this stack.

Each function below closes one gap, and `test_shim.py` fails as soon as ministack no longer has it. Apart from these, the
emulator is the one from PyPI; `requirements.txt` pins its version, since the shim reaches into its internals.

    python emulator_shim.py    # on 127.0.0.1:$GATEWAY_PORT, with BIND_HOST=127.0.0.1
"""

import json
import sys
import time
from typing import Any

from ministack import app
from ministack.services import eventbridge, lambda_svc, scheduler, sqs, stepfunctions
from ministack.services.cloudformation import engine, provisioners

Properties = dict[str, Any]


def read_maximum_concurrency_as_a_number() -> None:
    """CloudFormation passes parameters as text, and converts them to the type of the property.

    ministack does not, and then fails in each round of polling, for all event source mappings.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]
    create, update = handlers["create"], handlers["update"]

    def converted(properties: Properties) -> Properties:
        if "ScalingConfig" not in properties:
            return properties
        # Its only property is the maximum concurrency.
        return {**properties, "ScalingConfig": {name: int(text) for name, text in properties["ScalingConfig"].items()}}

    def convert_and_create(logical_id: str, properties: Properties, stack: str) -> Any:
        return create(logical_id, converted(properties), stack)

    def convert_and_update(physical_id: str, before: Properties, after: Properties, stack: str) -> Any:
        return update(physical_id, converted(before), converted(after), stack)

    handlers["create"], handlers["update"] = convert_and_create, convert_and_update


def evaluate_joins_in_conditions() -> None:
    """`!Equals [!Join ["", !Ref Accounts], ""]`: in a condition, ministack compares the unevaluated `Fn::Join`."""
    evaluate = engine._evaluate_conditions

    def evaluate_joined(template: Properties, parameters: dict[str, Properties]) -> dict[str, bool]:
        def joined(value: Any) -> Any:
            if isinstance(value, list):
                return [joined(item) for item in value]
            if not isinstance(value, dict):
                return value
            if "Fn::Join" in value:
                separator, items = value["Fn::Join"]
                return separator.join(texts(items))
            return {name: joined(item) for name, item in value.items()}

        def texts(items: Any) -> list[str]:
            if isinstance(items, list):
                return [text for item in items for text in texts(item)]
            if isinstance(items, str):
                return [items]
            parameter = parameters[items["Ref"]]
            is_list = parameter["Type"] == "CommaDelimitedList"
            return parameter["Value"].split(",") if is_list else [parameter["Value"]]

        return evaluate({**template, "Conditions": joined(template.get("Conditions", {}))}, parameters)

    # The other modules have imported the function by its name.
    for name, module in list(sys.modules.items()):
        if name.startswith("ministack.services.cloudformation") and hasattr(module, evaluate.__name__):
            setattr(module, evaluate.__name__, evaluate_joined)


def accept_policies_of_event_buses() -> None:
    """`AWS::Events::EventBusPolicy`, which ministack's CloudFormation refuses. Here it has no effect."""

    def create(logical_id: str, _properties: Properties, stack: str) -> tuple[str, Properties]:
        return f"{stack}-{logical_id}", {}

    def update(physical_id: str, _before: Properties, _after: Properties, _stack: str) -> tuple[str, Properties]:
        return physical_id, {}

    def delete(_physical_id: str, _properties: Properties) -> None:
        pass

    handlers = {"create": create, "update": update, "delete": delete}
    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = handlers


def move_messages_back_from_a_dead_letter_queue() -> None:
    """StartMessageMoveTask and ListMessageMoveTasks, which ministack does not have. A task is done at once."""
    tasks: list[Properties] = []

    def start(request: Properties, _url: str) -> Properties:
        source = sqs._queue_by_arn(request["SourceArn"])
        if source is None:
            raise sqs._Err("ResourceNotFoundException", "The specified queue does not exist.")
        messages, source["messages"] = source["messages"], []
        for message in messages:
            arn = request.get("DestinationArn") or message["sys"].pop("DeadLetterQueueSourceArn")
            now = time.time()
            again = {"receive_count": 0, "first_receive_at": None, "receipt_handle": None, "visible_at": now}
            sqs._queue_by_arn(arn)["messages"].append({**message, **again})
        lambda_svc._esm_wake.set()
        tasks.append(
            {
                "SourceArn": request["SourceArn"],
                "Status": "COMPLETED",
                "ApproximateNumberOfMessagesMoved": len(messages),
                "StartedTimestamp": int(time.time() * 1000),
            }
        )
        return {"TaskHandle": f"task-{len(tasks)}"}

    def list_latest(request: Properties, _url: str) -> Properties:
        of_source = [task for task in reversed(tasks) if task["SourceArn"] == request["SourceArn"]]
        return {"Results": of_source[: request.get("MaxResults", 1)]}

    sqs._HANDLERS["StartMessageMoveTask"] = start
    sqs._HANDLERS["ListMessageMoveTasks"] = list_latest


def let_the_tests_announce_pushes() -> None:
    """PutEvents refuses the source `aws.ecr`, as on AWS. Here the tests are ECR: nothing else announces a push."""
    put_events = eventbridge._put_events

    def put_events_of_any_source(request: Properties, allow_aws_source: bool = True) -> Any:
        return put_events(request, allow_aws_source)

    eventbridge._put_events = put_events_of_any_source


def name_the_error_of_an_invocation_that_is_throttled() -> None:
    """A task whose invocation Lambda throttles fails with `Lambda.TooManyRequestsException`, not `Lambda.Unknown`."""
    invoke = stepfunctions._call_lambda

    def invoke_or_throttle(function: str, payload: Any) -> Any:
        try:
            return invoke(function, payload)
        except stepfunctions._ExecutionError as error:
            if '"TooManyRequestsException"' in error.cause:
                error.error = "Lambda.TooManyRequestsException"
            raise

    stepfunctions._call_lambda = invoke_or_throttle


def describe_a_nested_execution_that_fails() -> None:
    """A task that waits for an execution fails with `States.TaskFailed`, and the cause describes the execution.

    With ministack it fails with the error of the execution.
    """

    def failure(execution: Properties) -> tuple[str, str]:
        described = json.loads(stepfunctions._describe_execution(execution)[2])
        fields = {name[0].upper() + name[1:]: value for name, value in described.items()}
        return "States.TaskFailed", json.dumps(fields, separators=(",", ":"))

    stepfunctions._nested_execution_failure = failure


def look_at_schedules_each_second() -> None:
    """Not a gap, but the tests need not wait for up to ten seconds."""
    scheduler._SCHEDULE_TICK_INTERVAL = 1


if __name__ == "__main__":
    read_maximum_concurrency_as_a_number()
    evaluate_joins_in_conditions()
    accept_policies_of_event_buses()
    move_messages_back_from_a_dead_letter_queue()
    let_the_tests_announce_pushes()
    name_the_error_of_an_invocation_that_is_throttled()
    describe_a_nested_execution_that_fails()
    look_at_schedules_each_second()
    app.main()
