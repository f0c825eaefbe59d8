"""The module, as its files say: what a parser of HCL reads, and the template that it deploys."""

import re
from functools import cache
from typing import Any

import hcl2
import yaml

from background import ROOT

MODULE = ROOT / "terraform"
Body = dict[str, Any]


class TemplateLoader(yaml.SafeLoader):
    """Reads a template. The value of a function such as !Ref is of no interest here."""


TemplateLoader.add_multi_constructor("!", lambda loader, suffix, node: None)


@cache
def template() -> Body:
    """The template."""
    return yaml.load((ROOT / "template.yaml").read_text(), TemplateLoader)


def parameters() -> set[str]:
    """The parameters of the template that are parameters of a release."""
    return set(template()["Parameters"]) - {"Architecture"}


def snake_case(name: str) -> str:
    """The name in the module for a name of the template."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


@cache
def files() -> dict[str, Body]:
    """The content of each file."""
    return {path.name: hcl2.loads(path.read_text()) for path in sorted(MODULE.glob("*.tf"))}


def variables() -> dict[str, Body]:
    """The variables, by their names."""
    return _blocks("variable")


def outputs() -> dict[str, Body]:
    """The outputs, by their names."""
    return _blocks("output")


def values() -> dict[str, Body]:
    """The local values, by their names."""
    found = [block for content in files().values() for block in content.get("locals", [])]
    return {name: value for block in found for name, value in block.items()}


def resources() -> list[tuple[str, str, Body]]:
    """The kind, such as `aws_s3_object` or `data.aws_region`, the name and the arguments of each resource."""
    found = []
    for prefix, kind in (("", "resource"), ("data.", "data")):
        for content in files().values():
            for block in content.get(kind, []):
                [(label, named)] = block.items()
                [(name, body)] = named.items()
                arguments = {argument: value for argument, value in body.items() if not argument.startswith("__")}
                found.append((prefix + text(label), text(name), arguments))
    return found


def references() -> set[tuple[str, str]]:
    """The attributes that expressions refer to: the kind of resource or data source, and the name."""
    pattern = re.compile(r"\b((?:data\.)?aws_\w+)\.\w+\.(\w+)")
    return {found for content in files().values() for found in pattern.findall(str(content))}


def text(literal: str) -> str:
    """A string without its quotation marks."""
    return literal.strip('"')


def _blocks(kind: str) -> dict[str, Body]:
    found = [block for content in files().values() for block in content.get(kind, [])]
    return {text(label): body for block in found for label, body in block.items() if not label.startswith("__")}
