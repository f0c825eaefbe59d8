"""Renders the definitions of the state machines as the template does, for the stacks that differ in them.

    python render.py FOLDER

The default stack matters most: its empty parameters become empty strings of the definitions.
"""

import logging
import os
import sys
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "permissions"))

from render import Stack  # noqa: E402

PLATFORMS = {"Platforms": "linux/amd64,linux/arm64"}
ORGANIZATION = {"OrganizationId": "o-a1b2c3d4e5", "SweptAccounts": "*", "UnsweptAccounts": "999999999999"}
STACKS = {"default": PLATFORMS, "organization": {**PLATFORMS, **ORGANIZATION}}


def rendered(parameters: dict[str, str]) -> dict[str, str]:
    """The definitions of a stack, by their files."""
    declared = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    resources = Stack("template.yaml", "123456789012", "eu-central-1", parameters).resources()
    definitions = {}
    for name, resource in declared.items():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            file = ROOT / resource["Properties"]["DefinitionUri"]
            text = file.read_text()
            for variable, value in resources[name]["Properties"]["DefinitionSubstitutions"].items():
                text = text.replace("${" + variable + "}", value)
            assert "${" not in text, f"{file} has a variable that the template does not substitute"
            definitions[file.name] = text
    return definitions


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    for stack, parameters in STACKS.items():
        folder = Path(sys.argv[1], stack)
        folder.mkdir(parents=True, exist_ok=True)
        for name, definition in rendered(parameters).items():
            (folder / name).write_text(definition)
