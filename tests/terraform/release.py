"""The folder of a release for one architecture, as the module is part of it.

`make` builds one from what `sam build` has left, for runs without a release. It has what the module uses: the template
and the zip.
"""

import json
import re
import shutil
import tomllib
import zipfile
from pathlib import Path

from background import ROOT
from stack import ARCHITECTURE, BUILD

VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
NAME = f"ecr-multiarch-{VERSION}-{ARCHITECTURE}"
ZIP = f"ecr-multiarch-{ARCHITECTURE}.zip"


def make(folder: Path) -> Path:
    """Makes the folder of a release of this working tree within another folder."""
    release = folder / NAME
    release.mkdir(parents=True)
    write_zip(release / ZIP)
    (release / "template.yaml").write_text(packaged((ROOT / "template.yaml").read_text()))
    shutil.copytree(ROOT / "terraform", release / "terraform")
    return release


def write_zip(path: Path, comment: str = "") -> None:
    """Writes the zip of the built function. With another comment it is another zip."""
    program = BUILD / "Assembler" / "bootstrap"
    assert program.exists(), "run .ci/terraform, which builds the function first"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment.encode()
        archive.write(program, "bootstrap")


def packaged(template: str) -> str:
    """The template with the zip as code, the definitions of the state machines, and the architecture of the zip."""

    def definition(uri: re.Match[str]) -> str:
        return f"Definition: {json.dumps(json.loads((ROOT / uri[1]).read_text()))}"

    template, count = re.subn(r"CodeUri: \.(?=\n)", f"CodeUri: {ZIP}", template)
    assert count == 1, count
    template, count = re.subn(r"DefinitionUri: (\S+)", definition, template)
    assert count == 2, count
    default = r"(\n  Architecture:\n    Type: String\n    Default: )\S+"
    template, count = re.subn(default, rf"\g<1>{ARCHITECTURE}", template)
    assert count == 1, count
    return template
