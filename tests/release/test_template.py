"""The template of a release, compared with the project's."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

import template
from support.artifacts import Release
from support.background import ROOT

MACHINES = {"SweepMachine": "sweep.asl.json", "RegistrySweepMachine": "registry-sweep.asl.json"}
FUNCTIONS = ("Assembler", "Sweeper")


def parsed(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml_parse(path.read_text())
    return document


def test_only_code_architecture_and_definitions_differ(release: Release) -> None:
    expected = parsed(ROOT / "template.yaml")
    expected["Parameters"]["Architecture"].update(Default=release.architecture, AllowedValues=[release.architecture])
    del expected["Globals"]["Function"]["CodeUri"]
    for name in FUNCTIONS:
        del expected["Resources"][name]["Metadata"]
        expected["Resources"][name]["Properties"]["CodeUri"] = release.zip().name
    for name, file in MACHINES.items():
        properties = expected["Resources"][name]["Properties"]
        del properties["DefinitionUri"]
        properties["Definition"] = json.loads((ROOT / "statemachine" / file).read_text())
    assert parsed(release.folder / "template.yaml") == expected


def test_it_needs_no_file_that_the_folder_lacks(release: Release) -> None:
    text = (release.folder / "template.yaml").read_text()
    files = re.findall(r"^ +(?:\w*Uri|LicenseUrl|ReadmeUrl): (\S+)$", text, re.MULTILINE)
    assert sorted(files) == sorted([*2 * [release.zip().name], "LICENSE-MIT", "README.md"])
    assert all((release.folder / file).exists() for file in files)


def test_comments_stay(release: Release) -> None:
    comments = re.compile(r"^ *#.*$", re.MULTILINE)
    assert comments.findall((release.folder / "template.yaml").read_text()) == comments.findall(
        (ROOT / "template.yaml").read_text()
    )


CHANGES: dict[str, Callable[[str], str]] = {
    "another default architecture": lambda text: text.replace("Default: arm64", "Default: x86_64"),
    "a third architecture": lambda text: text.replace("[arm64, x86_64]", "[arm64, riscv64, x86_64]"),
    "another folder of the code": lambda text: text.replace("CodeUri: .", "CodeUri: function"),
    "code of a function": lambda text: text.replace("  Sweeper:\n", "  Sweeper:\n    CodeUri: .\n"),
    "a function without a build method": lambda text: text.replace("BuildMethod: rust-cargolambda\n", "", 1),
    "a third state machine": lambda text: f"{text}\n      DefinitionUri: statemachine/third.asl.json\n",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_template_with_unknown_parts_is_refused(change: str, tmp_path: Path) -> None:
    (tmp_path / "statemachine").symlink_to(ROOT / "statemachine")
    text = (ROOT / "template.yaml").read_text()
    changed = CHANGES[change](text)
    assert changed != text
    (tmp_path / "template.yaml").write_text(changed)
    with pytest.raises((template.UnexpectedTemplate, FileNotFoundError)):
        template.packaged(tmp_path, "arm64", "function.zip")
