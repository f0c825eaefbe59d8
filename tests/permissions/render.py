"""Renders the templates as CloudFormation would, for sets of parameters, and prints their resources as JSON.

    python render.py '{"hub": {"template": "template.yaml", "account": "…", "region": "…", "parameters": {…}}}'

The SAM transform is AWS's own. The functions of CloudFormation that the templates use are evaluated here. A reference
to a resource becomes its logical ID, or its ARN where that is what CloudFormation returns, and an ARN is one that has the
logical ID as its name.
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]

ARNS = {
    "AWS::IAM::Role": "arn:{partition}:iam::{account}:role/{name}",
    "AWS::Events::Rule": "arn:{partition}:events:{region}:{account}:rule/{name}",
    "AWS::Lambda::Function": "arn:{partition}:lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
    "AWS::SNS::Topic": "arn:{partition}:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:{partition}:sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "arn:{partition}:states:{region}:{account}:stateMachine:{name}",
}


# The partitions other than `aws`, by the beginning of their Regions.
PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


class NoManagedPolicies:
    """The templates use no policy of AWS."""

    def load(self) -> dict[str, str]:
        return {}


class Stack:
    """A template with its parameters, in an account and Region."""

    def __init__(self, file: str, account: str, region: str, parameters: dict[str, str]) -> None:
        template = yaml_parse((ROOT / file).read_text())
        if "Transform" in template:
            # SAM wants to know where the code is.
            template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
            for resource in template["Resources"].values():
                if "DefinitionUri" in resource.get("Properties", {}):
                    resource["Properties"]["DefinitionUri"] = "s3://bucket/key"
            template = transform(template, {}, NoManagedPolicies())
        self.template = template
        self.account, self.region = account, region
        self.partition = next((name for prefix, name in PARTITIONS.items() if region.startswith(prefix)), "aws")
        unknown = parameters.keys() - template["Parameters"].keys()
        assert not unknown, f"{file} lacks {unknown}"
        self.parameters = {
            name: self._parameter(declared, parameters.get(name, declared.get("Default")))
            for name, declared in template["Parameters"].items()
        }

    @staticmethod
    def _parameter(declared: dict[str, Any], value: Any) -> Any:
        assert value is not None, f"a required parameter is missing: {declared['Description']}"
        is_list = declared["Type"] == "CommaDelimitedList"
        return [item.strip() for item in str(value).split(",")] if is_list else str(value)

    def resources(self) -> dict[str, Any]:
        """The resources whose condition is true."""
        items = self.template["Resources"].items()
        existing = {name: item for name, item in items if "Condition" not in item or self.is_true(item["Condition"])}
        return {name: self.evaluate(item) for name, item in existing.items()}

    def is_true(self, condition: str) -> bool:
        return self.evaluate(self.template["Conditions"][condition])

    def evaluate(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self.evaluate, value) if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref":
                return self.reference(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.is_true(argument)
            if name.startswith("Fn::"):
                return self.call(name.removeprefix("Fn::"), argument)
        fields = {name: self.evaluate(item) for name, item in value.items()}
        return {name: item for name, item in fields.items() if item is not None}

    def call(self, function: str, argument: Any) -> Any:
        if function == "If":
            return self.evaluate(argument[1] if self.is_true(argument[0]) else argument[2])
        if function == "GetAtt":
            name, attribute = argument if isinstance(argument, list) else argument.split(".")
            return self.attribute(name, attribute)
        if function == "Sub":
            text, variables = argument if isinstance(argument, list) else (argument, {})
            return self.substitute(text, self.evaluate(variables))
        evaluated = self.evaluate(argument)
        if function == "Join":
            return evaluated[0].join(evaluated[1])
        if function == "Split":
            return evaluated[1].split(evaluated[0])
        if function == "Select":
            return evaluated[1][int(evaluated[0])]
        if function == "Equals":
            return evaluated[0] == evaluated[1]
        if function == "Not":
            return not evaluated[0]
        if function == "And":
            return all(evaluated)
        if function == "Or":
            return any(evaluated)
        raise NotImplementedError(function)

    def substitute(self, text: str, variables: dict[str, str]) -> str:
        first, *rest = text.split("${")
        for part in rest:
            name, tail = part.split("}", 1)
            if name in variables:
                value = variables[name]
            else:
                value = self.attribute(*name.split(".")) if "." in name else self.reference(name)
            first += value + tail
        return first

    def reference(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::NoValue": None,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": f"arn:{self.partition}:cloudformation:{self.region}:{self.account}:stack/images/0a1b2c3d",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        assert name in self.template["Resources"], f"unknown reference {name}"
        resource = self.template["Resources"][name]
        if resource["Type"] in ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"):
            return self.attribute(name, "Arn")
        if resource["Type"] == "AWS::Lambda::Alias":
            function, alias = self.evaluate(resource["Properties"]["FunctionName"]), resource["Properties"]["Name"]
            return f"{self.attribute(function, 'Arn')}:{alias}"
        return name

    def attribute(self, name: str, attribute: str) -> str:
        if attribute != "Arn":
            return f"{name}.{attribute}"
        resource = self.template["Resources"][name]
        pattern = ARNS.get(resource["Type"], "arn:{partition}:other:{region}:{account}:{name}")
        return pattern.format(partition=self.partition, account=self.account, region=self.region, name=name)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    stacks = {
        name: Stack(wanted["template"], wanted["account"], wanted["region"], wanted["parameters"]).resources()
        for name, wanted in json.loads(sys.argv[1]).items()
    }
    json.dump(stacks, sys.stdout)
