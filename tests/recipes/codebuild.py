"""AWS CodeBuild, as far as the recipe needs it."""

from collections.abc import Mapping
from typing import Any

import yaml

from emulator import ACCOUNT, CREDENTIALS, REGION
from machine import Machines
from recipe import RECIPES, Outcome, Release, Script, run_in_order, run_shell, with_repository

FOLDER = RECIPES / "codebuild"
BATCH = FOLDER / "buildspec.yml"
BUILDS = ("push.yml", "deploy.yml")
TYPES = {"LINUX_CONTAINER": "amd64", "ARM_CONTAINER": "arm64"}
IMAGES = {"LINUX_CONTAINER": "-x86_64-", "ARM_CONTAINER": "-aarch64-"}

Document = dict[str, Any]


class CodeBuild:
    """Commands run in `sh`, each to its end: what counts is the exit code of a whole command."""

    def __init__(self, function: str) -> None:
        # The variables of the project, and those of the service role.
        self.project = {"AWS_ACCOUNT_ID": ACCOUNT, "WAIT_FUNCTION": function, **CREDENTIALS, "AWS_REGION": REGION}

    def version(self, release: Release) -> str:
        return release.tag

    def scripts(self) -> list[Script]:
        return [Script(name, "sh", command(read(name))) for name in BUILDS]

    def run(self, machines: Machines, release: Release) -> list[Outcome]:
        graph = {build["identifier"]: build for build in read(BATCH.name)["batch"]["build-graph"]}
        assert graph["deploy"]["depend-on"] == [name for name in graph if name != "deploy"]

        def run(build: Document) -> Outcome:
            kind = build["env"]["type"]
            assert IMAGES[kind] in build["env"]["image"], "the image is of another architecture"
            path = build["buildspec"]
            assert path.startswith("ci/codebuild/"), path
            document = read(path.removeprefix("ci/codebuild/"))
            started = {"VERSION": release.tag, "CODEBUILD_RESOLVED_SOURCE_VERSION": release.revision}
            variables = {**document["env"]["variables"], **build["env"].get("variables", {}), **self.project, **started}
            variables = with_repository(variables, release)
            # Docker needs a privileged container.
            machine = machines.make(TYPES[kind])
            assert build["env"]["privileged-mode"] == ("docker" in command(document))
            return run_shell(machine, build["identifier"], ["sh", "-c"], command(document), variables)

        pushes = [lambda build=build: run(build) for name, build in graph.items() if name != "deploy"]
        return run_in_order(pushes, lambda: run(graph["deploy"]))


def read(name: str) -> Document:
    """A file of the recipe."""
    document = yaml.safe_load((FOLDER / name).read_text())
    assert isinstance(document, dict)
    return document


def command(document: Mapping[str, Any]) -> str:
    """The only command of a build."""
    [text] = document["phases"]["build"]["commands"]
    assert isinstance(text, str)
    return text
