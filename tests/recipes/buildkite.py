"""Buildkite, as far as the recipe needs it."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from emulator import ACCOUNT, REGION
from machine import Machines
from recipe import DEPLOY_ROLE, PUSH_ROLE, RECIPES, Outcome, Release, Script, run_in_order, run_shell, with_repository

FILE = RECIPES / "buildkite" / "pipeline.yml"
QUEUES = {"linux-amd64": "amd64", "linux-arm64": "arm64"}

Step = dict[str, Any]


class Buildkite:
    """The upload replaces variables in the whole pipeline; a command then runs in `bash -e -c`."""

    def __init__(self, token: str, function: str) -> None:
        self.token = token
        # The variables of the agents.
        self.agent = {
            "AWS_ACCOUNT_ID": ACCOUNT,
            "AWS_DEFAULT_REGION": REGION,
            "PUSH_ROLE": PUSH_ROLE,
            "DEPLOY_ROLE": DEPLOY_ROLE,
            "WAIT_FUNCTION": function,
        }

    def version(self, release: Release) -> str:
        return release.tag

    def scripts(self) -> list[Script]:
        return [Script(f"{FILE.name} {name}", "bash", step["command"]) for name, step in steps(uploaded({})).items()]

    def run(self, machines: Machines, release: Release) -> list[Outcome]:
        build = {"BUILDKITE_TAG": release.tag, "BUILDKITE_COMMIT": release.revision, "BUILDKITE_JOB_ID": "17"}
        document = uploaded(build)
        found = steps(document)
        assert found["deploy"]["depends_on"] == found["push {{matrix}}"]["key"]
        assert all(step["if"] == "build.tag != null" for step in found.values())

        def run(step: Step, value: str | None) -> Outcome:
            def filled(text: str) -> str:
                return text.replace("{{matrix}}", value) if value else text

            environment = {name: filled(text) for name, text in step.get("env", {}).items()}
            variables = {**build, **self.agent, **document["env"], **environment, "STUB_OIDC_TOKEN": self.token}
            machine = machines.make(QUEUES[filled(step["agents"]["queue"])])
            return run_shell(
                machine,
                filled(step["label"]),
                ["bash", "-e", "-c"],
                filled(step["command"]),
                with_repository(variables, release),
            )

        push = found["push {{matrix}}"]
        pushes = [lambda value=value: run(push, value) for value in push["matrix"]]
        return run_in_order(pushes, lambda: run(found["deploy"], None))


def uploaded(variables: Mapping[str, str]) -> dict[str, Any]:
    """The recipe after its upload: `$$` stands for a dollar sign, and `$NAME` for a variable of the upload."""

    def replaced(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1] or match[2], "")

    # What looks like a command in parentheses is left alone.
    text = re.sub(r"\$\$|\$(\w+)|\$\{(\w+)\}", replaced, FILE.read_text())
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    return document


def steps(document: Mapping[str, Any]) -> dict[str, Step]:
    """The steps, by their labels."""
    return {step["label"]: step for step in document["steps"]}
