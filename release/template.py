"""The template of a release: that of the project, with the compiled function and the state machines in place of paths.

It works on the text, so that comments stay, and stops if a part that it changes is not there as often as it expects.
"""

import re
from collections.abc import Callable
from pathlib import Path

Replacement = str | Callable[[re.Match[str]], str]


class UnexpectedTemplate(Exception):
    """The project's template has a part more or less often than expected."""


def packaged(project: Path, architecture: str, archive: str) -> str:
    """The template for one architecture, whose code is an archive beside it."""

    def definition(match: re.Match[str]) -> str:
        indent = match["indent"]
        # JSON is YAML, too.
        lines = (project / match["path"]).read_text().splitlines()
        return "\n".join([f"{indent}Definition:", *(f"{indent}  {line}".rstrip() for line in lines)])

    text = (project / "template.yaml").read_text()
    text = replace(text, r"^    Default: arm64$", f"    Default: {architecture}", times=1)
    text = replace(text, r"^    AllowedValues: \[arm64, x86_64\]$", f"    AllowedValues: [{architecture}]", times=1)
    # At each function, since `aws cloudformation package` does not look into Globals, and would upload the whole folder.
    # How to build the functions, neither tool needs to know.
    text = replace(text, r"^    CodeUri: \.\n", "", times=1)
    build = r"^    Metadata:\n      BuildMethod: .*\n      BuildProperties: .*\n    Properties:$"
    text = replace(text, build, f"    Properties:\n      CodeUri: {archive}", times=2)
    return replace(text, r"^(?P<indent> +)DefinitionUri: (?P<path>\S+)$", definition, times=2)


def replace(text: str, pattern: str, replacement: Replacement, times: int) -> str:
    """Replaces all that matches a pattern, which must be there a number of times."""
    changed, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if count != times:
        raise UnexpectedTemplate(f"template.yaml has {pattern!r} {count} times, expected {times}")
    return changed
