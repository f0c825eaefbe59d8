"""Starts the emulator of AWS, ministack, with what it lacks for this stack.

Each function below closes one gap. Apart from these, the emulator is the one from PyPI; `tests/requirements.txt` pins its
version, since the shim reaches into its internals.

    python emulator_shim.py    # on 127.0.0.1:$GATEWAY_PORT, with BIND_HOST=127.0.0.1
"""

import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from ministack import app
from ministack.core import responses
from ministack.services import eventbridge, lambda_svc, organizations, scheduler, sqs, stepfunctions
from ministack.services.cloudformation import engine, helpers, provisioners

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

    replace_evaluation_of_conditions(evaluate_joined)


def evaluate_pseudo_parameters_in_conditions() -> None:
    """`!Equals [!Ref AWS::AccountId, …]`: in a condition, ministack compares the name of the pseudo parameter."""
    evaluate = engine._evaluate_conditions

    def evaluate_here(template: Properties, parameters: dict[str, Properties]) -> dict[str, bool]:
        pseudo = {"AWS::AccountId": responses.get_account_id(), "AWS::Region": responses.get_region()}
        return evaluate(template, {**parameters, **{name: {"Value": value} for name, value in pseudo.items()}})

    replace_evaluation_of_conditions(evaluate_here)


def replace_evaluation_of_conditions(replacement: Any) -> None:
    """Also in the modules that have imported the function by its name."""
    name = "_evaluate_conditions"
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("ministack.services.cloudformation") and hasattr(module, name):
            setattr(module, name, replacement)


def read_templates_from_the_host_of_a_bucket() -> None:
    """`https://bucket.s3.region.amazonaws.com/key`: ministack looks for the bucket of a template in the path."""
    resolve = helpers._resolve_document

    def resolve_by_host(parameters: Properties, body: str, name: str, label: str) -> Any:
        url = urlsplit(helpers._p(parameters, name))
        bucket, found, host = (url.hostname or "").partition(".s3.")
        if found:
            parameters = {**parameters, name: [f"{url.scheme}://s3.{host}/{bucket}{url.path}"]}
        return resolve(parameters, body, name, label)

    helpers._resolve_document = resolve_by_host


def accept_alarms_on_expressions() -> None:
    """An alarm on an expression over metrics, which ministack refuses, becomes one on the last of them."""
    record = provisioners._cw_metric_alarm_record

    def record_of_one_metric(name: str, properties: Properties) -> Any:
        properties = dict(properties)
        queries = properties.pop("Metrics", [])
        for statistic in (query["MetricStat"] for query in queries if "MetricStat" in query):
            properties |= {**statistic["Metric"], "Period": statistic["Period"], "Statistic": statistic["Stat"]}
        return record(name, properties)

    provisioners._cw_metric_alarm_record = record_of_one_metric


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


def let_a_bus_have_a_policy() -> None:
    """`AWS::Events::EventBusPolicy`, a resource that ministack does not have. It reads no policy of a bus, either."""
    statements = eventbridge._event_bus_policies

    def put(properties: Properties) -> None:
        remove(properties["StatementId"], properties)
        policy = statements.setdefault(properties["EventBusName"], {"Version": "2012-10-17", "Statement": []})
        policy["Statement"].append({"Sid": properties["StatementId"], **properties["Statement"]})

    def remove(statement: str, properties: Properties) -> None:
        eventbridge._remove_permission({"EventBusName": properties["EventBusName"], "StatementId": statement})

    def create(_logical_id: str, properties: Properties, _stack: str) -> Any:
        put(properties)
        return properties["StatementId"], {}

    def update(physical_id: str, _before: Properties, after: Properties, _stack: str) -> Any:
        put(after)
        return physical_id, {}

    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {
        "create": create,
        "update": update,
        "delete": remove,
    }


def deliver_to_buses_of_other_accounts_and_regions() -> None:
    """ministack drops an event whose target is the bus of another account or Region.

    As on AWS, the event keeps its account and Region, and is not forwarded a second time.
    """
    dispatch = eventbridge._dispatch_to_event_bus

    def dispatch_anywhere(target: Any, event: Properties, *further: Any) -> None:
        here = (eventbridge.get_account_id(), eventbridge.get_region())
        if (target.account_id, target.region) == here:
            dispatch(target, event, *further)
        elif "_Forwarded" not in event:
            bus = target.resource.removeprefix("event-bus/")
            with responses.request_scope(target.account_id, target.region):
                eventbridge._dispatch_event({**event, "EventBusName": bus, "_Forwarded": True})

    eventbridge._dispatch_to_event_bus = dispatch_anywhere


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


def let_state_machines_call_organizations() -> None:
    """A state machine calls AWS Organizations, which ministack has, but not for state machines."""
    service = {"target_prefix": "AWSOrganizationsV20161128", "protocol": "json"}
    stepfunctions._AWS_SDK_SERVICE_MAP["organizations"] = service


def list_accounts_in_pages() -> None:
    """ListAccounts answers with pages. ministack answers with all accounts at once."""
    list_all = organizations._list_accounts
    page = 2

    def list_page(request: Properties) -> Any:
        status, headers, body = list_all(request)
        accounts = json.loads(body)["Accounts"]
        first = int(request.get("NextToken", "0"))
        answer = {"Accounts": accounts[first : first + page]}
        if first + page < len(accounts):
            answer["NextToken"] = str(first + page)
        return status, headers, json.dumps(answer).encode()

    organizations._DISPATCH["ListAccounts"] = list_page


def look_at_schedules_each_second() -> None:
    """Not a gap, but the tests need not wait for up to ten seconds."""
    scheduler._SCHEDULE_TICK_INTERVAL = 1


if __name__ == "__main__":
    read_maximum_concurrency_as_a_number()
    evaluate_joins_in_conditions()
    evaluate_pseudo_parameters_in_conditions()
    read_templates_from_the_host_of_a_bucket()
    accept_alarms_on_expressions()
    move_messages_back_from_a_dead_letter_queue()
    let_the_tests_announce_pushes()
    let_a_bus_have_a_policy()
    deliver_to_buses_of_other_accounts_and_regions()
    name_the_error_of_an_invocation_that_is_throttled()
    describe_a_nested_execution_that_fails()
    let_state_machines_call_organizations()
    list_accounts_in_pages()
    look_at_schedules_each_second()
    app.main()
