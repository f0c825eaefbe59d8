"""The files of the module, compared with the template, and with what the current provider knows."""

import re
import subprocess
import sys

import module
import provider
import terraform
from background import ROOT

OWN = {"bucket", "stack_name", "tags"}
"""The variables that are no parameters of the template."""


def test_generated_files_are_up_to_date() -> None:
    command = [sys.executable, ROOT / ".ci" / "terraform-variables", "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_files_are_formatted() -> None:
    assert not terraform.format_differences(module.MODULE)


def test_every_parameter_has_a_variable() -> None:
    assert set(module.variables()) == {module.snake_case(name) for name in module.parameters()} | OWN


def test_every_variable_is_passed_to_its_parameter() -> None:
    passed = {name: re.findall(r"var\.(\w+)", value) for name, value in module.values()["parameters"].items()}
    assert passed == {name: [module.snake_case(name)] for name in module.parameters()}
    [stack] = [arguments for kind, _, arguments in module.resources() if kind == "aws_cloudformation_stack"]
    assert stack["parameters"].startswith("${merge(local.parameters, ")


def test_only_what_has_no_default_is_required() -> None:
    required = {name for name, variable in module.variables().items() if "default" not in variable}
    parameters = module.template()["Parameters"]
    without = {module.snake_case(name) for name in module.parameters() if "Default" not in parameters[name]}
    assert required == without | {"bucket"}


def test_every_variable_and_output_has_a_description() -> None:
    described = [*module.variables().values(), *module.outputs().values()]
    assert all(module.text(block["description"]) for block in described)


def test_every_output_of_the_template_is_an_output() -> None:
    pattern = re.compile(r'aws_cloudformation_stack\.this\.outputs(?:\["|, ")(\w+)"')
    found = {name: pattern.findall(output["value"]) for name, output in module.outputs().items()}
    assert found == {module.snake_case(name): [name] for name in module.template()["Outputs"]}


def test_the_current_provider_knows_all_arguments() -> None:
    used = module.resources()
    assert {kind for kind, _, _ in used} > {"aws_cloudformation_stack", "aws_s3_object", "data.aws_region"}
    for kind, name, arguments in used:
        schema = provider.schema(kind)
        assert schema.required <= arguments.keys() <= schema.arguments, f"{kind}.{name}"


def test_the_current_provider_knows_all_attributes() -> None:
    used = module.references()
    assert ("aws_cloudformation_stack", "outputs") in used
    for kind, attribute in used:
        assert attribute in provider.schema(kind).attributes, f"{kind} has no {attribute}"
