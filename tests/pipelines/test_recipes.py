"""The recipes as files: what linters, the schemas of the CI systems and the house rules say of them."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import hcl2
import pytest
import yaml

from support.background import ROOT

RECIPES = ROOT / "pipelines"
WORKFLOWS = sorted((RECIPES / "github").glob("*.yml"))
GITLAB = sorted((RECIPES / "gitlab").glob("*.yml"))
CODEPIPELINE = RECIPES / "codepipeline" / "pipeline.yml"
CODEBUILD = sorted((RECIPES / "codebuild").glob("*.yml"))
JENKINSFILE = RECIPES / "jenkins" / "Jenkinsfile"
BUILDKITE = RECIPES / "buildkite" / "pipeline.yml"
ACTION = re.compile(r"- uses: (\S+)@(\S+)(?: # (\S+))?$", re.MULTILINE)
TOOLS = Path(sys.executable).parent


class Script(NamedTuple):
    """A piece of shell in a recipe."""

    file: Path
    dialect: str
    """As shellcheck names it."""
    text: str


def load(file: Path) -> dict[Any, Any]:
    """A file of YAML."""
    document: dict[Any, Any] = yaml.safe_load(file.read_text())
    return document


def scripts() -> list[Script]:
    """The shell of the recipes. That of workflows is checked by actionlint, which runs shellcheck."""
    jobs = [job for file in map(load, GITLAB) for job in file.values() if isinstance(job, dict) and "script" in job]
    gitlab = ["\n".join([*job.get("before_script", []), *job["script"]]) for job in jobs]
    phases = [build["phases"] for build in map(load, CODEBUILD) if "phases" in build]
    codebuild = ["\n".join(phase["commands"]) for phases_of in phases for phase in phases_of.values()]
    # In single quotes, so that the shell replaces the variables, and not Groovy.
    jenkins = [text.replace("\\\\", "\\") for text in re.findall(r"\bsh '''\n(.*?)'''", JENKINSFILE.read_text(), re.S)]
    assert len(jenkins) == len(re.findall(r"\bsh\b[ (]", JENKINSFILE.read_text())), "a script in other quotes"
    # The upload replaces variables; two dollar signs stand for one of the shell.
    buildkite = [step["command"].replace("$$", "$") for step in load(BUILDKITE)["steps"]]
    found = [(RECIPES / "gitlab", "sh", gitlab), (RECIPES / "codebuild", "sh", codebuild), (JENKINSFILE, "sh", jenkins)]
    return [
        Script(file, dialect, textwrap.dedent(text))
        for file, dialect, texts in [*found, (BUILDKITE, "bash", buildkite)]
        for text in texts
    ]


def lint(*command: str | Path) -> None:
    """Runs a linter that is installed with the Python of the tests, and must find nothing."""
    done = subprocess.run(
        [TOOLS / command[0], *command[1:]],
        cwd=ROOT,
        # Where actionlint finds shellcheck.
        env={**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def test_there_is_shell_to_check_in_each_recipe() -> None:
    assert [file.stem for file in WORKFLOWS] == ["bake", "matrix", "metadata-action"]
    # A job that pushes and one that deploys, and for GitLab two more that push.
    assert len(scripts()) == 4 * 2 + 2


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.file.name)
def test_shell_in_recipes_passes_shellcheck(script: Script, tmp_path: Path) -> None:
    file = tmp_path / "script"
    # GitLab, Jenkins and Buildkite end a script at the first failure; CodeBuild's says so itself.
    file.write_text(f"#!/bin/{script.dialect} -e\n{script.text}\n")
    lint("shellcheck", "--norc", "--shell", script.dialect, file)


def test_workflows_pass_actionlint() -> None:
    lint("actionlint", *WORKFLOWS)


def test_workflows_pass_zizmor() -> None:
    lint("zizmor", "--offline", "--no-config", "--no-progress", "--quiet", *WORKFLOWS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
        ["--builtin-schema", "custom.github-workflows-require-timeout", *WORKFLOWS],
        ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", *GITLAB],
        ["--builtin-schema", "vendor.buildkite", BUILDKITE],
        ["--schemafile", Path(__file__).with_name("buildspec.schema.json"), *CODEBUILD],
    ],
    ids=["github", "github-timeouts", "gitlab", "buildkite", "codebuild"],
)
def test_recipes_have_the_form_that_their_system_expects(arguments: list[str | Path]) -> None:
    lint("check-jsonschema", "--no-cache", *arguments)


def test_the_bake_file_is_hcl() -> None:
    assert hcl2.loads((RECIPES / "github" / "docker-bake.hcl").read_text())["target"]


def test_the_pipeline_passes_cfn_lint() -> None:
    lint("cfn-lint", CODEPIPELINE)


def test_jobs_for_gitlab_differ_in_their_builder_alone() -> None:
    jobs = [load(file)["push"] for file in GITLAB]
    shared = ("stage", "extends", "parallel", "tags", "resource_group")
    assert [[job[key] for key in shared] for job in jobs] == 3 * [[jobs[0][key] for key in shared]]
    assert len({str(job["image"]) for job in jobs}) == 3


def test_actions_are_pinned_to_a_commit_with_its_version() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for file in [*WORKFLOWS, *(ROOT / ".github" / "workflows").glob("*.yml")]:
        text = file.read_text()
        found = ACTION.findall(text)
        assert len(found) == text.count("uses:"), f"{file.name}: an action without a version"
        for action, commit, version in found:
            assert re.fullmatch("[0-9a-f]{40}", commit), f"{file.name}: {action}@{commit}"
            assert re.fullmatch(r"v\d+\.\d+\.\d+", version), f"{file.name}: {action} has no version"
            pins.setdefault(action, set()).add((commit, version))
    assert all(len(commits) == 1 for commits in pins.values()), pins


def test_tokens_may_only_read_the_code_and_assume_a_role() -> None:
    for workflow in map(load, WORKFLOWS):
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["permissions"] == {"contents": "read", "id-token": "write"}


def test_every_recipe_is_described() -> None:
    text = (RECIPES / "README.md").read_text()
    files = [path.relative_to(RECIPES).as_posix() for path in RECIPES.rglob("*") if path.is_file()]
    named = [name for name in files if name != "README.md"]
    assert [name for name in named if f"({name})" not in text] == []
