"""The module, as a parser of HCL reads its files."""

import re
from functools import cache
from typing import Any

import hcl2

from support.background import ROOT

MODULE = ROOT / "terraform"
Body = dict[str, Any]


@cache
def files() -> dict[str, Body]:
    """The content of each file."""
    return {path.name: hcl2.loads(path.read_text()) for path in sorted(MODULE.glob("*.tf"))}


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
