"""GitLab CI/CD, as far as the recipe needs it."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from emulator import ACCOUNT, REGION
from machine import Machines
from recipe import DEPLOY_ROLE, PUSH_ROLE, RECIPES, Outcome, Release, Script, run_in_order, run_shell, with_repository

FILE = RECIPES / "gitlab" / ".gitlab-ci.yml"
RUNNERS = {"saas-linux-small-amd64": "amd64", "saas-linux-small-arm64": "arm64"}

Job = dict[str, Any]


class GitLab:
    """Jobs run in `sh`, which ends at the first failure."""

    def __init__(self, token: str, function: str) -> None:
        self.token = token
        # The variables of the project.
        self.project = {
            "AWS_ACCOUNT_ID": ACCOUNT,
            "AWS_DEFAULT_REGION": REGION,
            "PUSH_ROLE": PUSH_ROLE,
            "DEPLOY_ROLE": DEPLOY_ROLE,
            "WAIT_FUNCTION": function,
            "DEPLOY_IMAGE": "an image with the AWS CLI",
        }

    def version(self, release: Release) -> str:
        return release.tag

    def scripts(self) -> list[Script]:
        return [
            Script(f"{FILE.name} {name}", "sh", lines(job)) for name, job in jobs(read()).items() if "script" in job
        ]

    def run(self, machines: Machines, release: Release) -> list[Outcome]:
        document = read()
        assert document["stages"] == ["push", "deploy"]
        assert document["workflow"]["rules"] == [{"if": "$CI_COMMIT_TAG"}]
        found = jobs(document)

        def run(name: str, matrix: Mapping[str, str]) -> Outcome:
            job = found[name]
            predefined = {"CI_COMMIT_TAG": release.tag, "CI_COMMIT_SHA": release.revision, "CI_JOB_ID": "17"}
            tags = [expanded(tag, matrix) for tag in job.get("tags", [])]
            machine = machines.make(RUNNERS[tags[0]] if tags else "amd64")
            variables = {**predefined, **self.project, **document["variables"], **job["variables"], **matrix}
            variables = with_repository(variables, release)
            # A variable may name another one, which is expanded as well.
            while any("$" in value for value in variables.values()):
                variables = {key: expanded(value, variables) for key, value in variables.items()}
            assert "$" not in expanded(job.get("resource_group", ""), variables)
            assert expanded(job["image"], variables), "a job has no image"
            [token] = job["id_tokens"]
            assert job["id_tokens"][token] == {"aud": "sts.amazonaws.com"}
            variables[token] = self.token
            return run_shell(machine, f"{name} {tags}", ["sh", "-e", "-c"], lines(job), variables)

        pushes = [lambda matrix=matrix: run("push", matrix) for matrix in found["push"]["parallel"]["matrix"]]
        return run_in_order(pushes, lambda: run("deploy", {}))


def read() -> dict[str, Any]:
    """The recipe."""
    document = yaml.safe_load(FILE.read_text())
    assert isinstance(document, dict)
    return document


def jobs(document: Mapping[str, Any]) -> dict[str, Job]:
    """The jobs by their names, with what they extend."""
    found = {}
    for name, job in document.items():
        if isinstance(job, dict) and not name.startswith(".") and ("script" in job):
            found[name] = merged(document[job["extends"]], job) if "extends" in job else job
    return found


def merged(base: Mapping[str, Any], job: Mapping[str, Any]) -> Job:
    """A job that extends another one: mappings are merged, all else is replaced."""
    result = dict(base)
    for key, value in job.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def lines(job: Job) -> str:
    """The script of a job as the runner joins it."""
    return "\n".join([*job.get("before_script", []), *job["script"]])


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """A text of which GitLab expands the variables. One that does not exist is empty."""
    return re.sub(r"\$(\w+)|\$\{(\w+)\}", lambda match: variables.get(match[1] or match[2], ""), text)
