"""GitHub Actions, as far as the recipes need them: a runner of workflows that knows the actions which they use.

It refuses each expression, step and input that it does not know, so a recipe cannot use what is not tested here.
"""

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hcl2
import yaml

from emulator import ACCOUNT, CREDENTIALS, REGION
from machine import Machine, Machines
from metadata import Metadata
from recipe import DEPLOY_ROLE, PUSH_ROLE, RECIPES, REGISTRY, Outcome, Release, Script, run_in_order, with_repository

FOLDER = RECIPES / "github"
RUNNERS = {"ubuntu-24.04": "amd64", "ubuntu-24.04-arm": "arm64"}
SHELL = ("bash", "-e", "-c")
"""What GitHub runs for a step that names no shell."""

Mapped = dict[str, Any]
Job = dict[str, Any]
Step = dict[str, Any]


class GitHub:
    """One workflow."""

    def __init__(self, name: str, function: str) -> None:
        self.file = FOLDER / f"{name}.yml"
        # The variables of the repository.
        self.vars = {
            "AWS_ACCOUNT_ID": ACCOUNT,
            "AWS_REGION": REGION,
            "PUSH_ROLE": PUSH_ROLE,
            "DEPLOY_ROLE": DEPLOY_ROLE,
            "WAIT_FUNCTION": function,
        }

    def version(self, release: Release) -> str:
        return release.tag.removeprefix("v") if self.file.stem == "metadata-action" else release.tag

    def scripts(self) -> list[Script]:
        return [
            Script(f"{self.file.name} {job} {step.get('name')}", "bash", step["run"])
            for job, content in self.read()["jobs"].items()
            for step in content["steps"]
            if "run" in step
        ]

    def run(self, machines: Machines, release: Release) -> list[Outcome]:
        document = self.read()
        jobs = document["jobs"]
        assert jobs["deploy"]["needs"] == "push"
        # YAML 1.1 reads `on` as a truth value.
        triggers: Mapping[Any, Any] = document
        [pattern] = triggers[True]["push"]["tags"]
        assert fnmatch.fnmatch(release.tag, pattern), f"{pattern} does not start for {release.tag}"

        def run(name: str, matrix: Mapping[str, str]) -> Outcome:
            github = {"ref": f"refs/tags/{release.tag}", "ref_name": release.tag, "sha": release.revision}
            context: Mapped = {"github": github, "vars": self.vars, "matrix": matrix, "steps": {}}
            context["env"] = with_repository(filled(document["env"], context), release)
            context["env"] |= filled(jobs[name].get("env", {}), context)
            runner = str(fill(jobs[name]["runs-on"], context))
            run = Run(machines.make(RUNNERS[runner]), context)
            return Outcome(f"{name} {runner}", run.steps(jobs[name]["steps"]), "\n".join(run.output))

        pushes = [lambda row=row: run("push", row) for row in jobs["push"]["strategy"]["matrix"]["include"]]
        return run_in_order(pushes, lambda: run("deploy", {}))

    def read(self) -> Mapped:
        """The workflow."""
        document = yaml.safe_load(self.file.read_text())
        assert isinstance(document, dict)
        return document


@dataclass
class Run:
    """A run of one job."""

    machine: Machine
    context: Mapped
    output: list[str] = field(default_factory=list)
    credentials: dict[str, str] = field(default_factory=dict)

    def steps(self, steps: list[Step]) -> bool:
        """Runs the steps up to the first that fails."""
        return all(self.step(step) for step in steps)

    def step(self, step: Step) -> bool:
        """Runs a step, unless its condition is false. Returns whether it has succeeded."""
        unknown = step.keys() - {"name", "id", "if", "env", "uses", "with", "run"}
        assert not unknown, f"a step with {unknown}"
        if "if" in step and not self.holds(step["if"]):
            return True
        context = {**self.context, "env": {**self.context["env"], **filled(step.get("env", {}), self.context)}}
        outputs: dict[str, str] = {}
        if "run" in step:
            succeeded = self.script(step["run"], context["env"], outputs)
        else:
            action, _, commit = step["uses"].partition("@")
            assert re.fullmatch("[0-9a-f]{40}", commit), f"{action} is not pinned by its commit"
            inputs = {key: fill(value, context) for key, value in step.get("with", {}).items()}
            succeeded = ACTIONS[action](self, inputs, context, outputs)
        if "id" in step:
            self.context["steps"][step["id"]] = {"outputs": outputs}
        return succeeded

    def script(self, text: str, variables: Mapping[str, str], outputs: dict[str, str]) -> bool:
        """Runs a script, which can write outputs to a file."""
        assert "${{" not in text, "an expression within a script: whoever controls its value controls the shell"
        file = self.machine.folder / "output"
        file.write_text("")
        done = self.machine.run(SHELL, text, {**variables, **self.credentials, "GITHUB_OUTPUT": str(file)})
        self.output.append(done.stdout)
        outputs |= dict(line.split("=", 1) for line in file.read_text().splitlines())
        return done.returncode == 0

    def holds(self, condition: str) -> bool:
        """Whether a condition holds."""
        match = re.fullmatch(r"([\w.-]+) == '(\w+)'", condition)
        assert match, f"an unknown condition: {condition}"
        return str(look_up(match[1], self.context)) == match[2]


def fill(value: Any, context: Mapped) -> Any:
    """A value, with that of each expression in it."""
    if not isinstance(value, str):
        return value
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda match: str(look_up(match[1], context)), value)


def filled(values: Mapping[str, Any], context: Mapped) -> dict[str, str]:
    """Variables, with the values of their expressions."""
    return {name: fill(value, context) for name, value in values.items()}


def look_up(path: str, context: Mapped) -> Any:
    """A value of the contexts. GitHub takes one that does not exist for an empty text; here it is an error."""
    value: Any = context
    for name in path.split("."):
        value = value[name]
    return value


def only(inputs: Mapped, *names: str) -> None:
    """Refuses inputs other than the named ones."""
    assert inputs.keys() <= set(names), f"unknown inputs: {inputs.keys() - set(names)}"


def check_out(run: Run, inputs: Mapped, _context: Mapped, _outputs: dict[str, str]) -> bool:
    assert inputs == {"persist-credentials": False}
    return True


def configure_credentials(run: Run, inputs: Mapped, _context: Mapped, _outputs: dict[str, str]) -> bool:
    only(inputs, "role-to-assume", "aws-region")
    # The role is that of the journal. The emulator trusts any key.
    run.credentials = {**CREDENTIALS, "AWS_REGION": inputs["aws-region"], "AWS_ROLE_ARN": inputs["role-to-assume"]}
    return True


def log_in(run: Run, inputs: Mapped, _context: Mapped, outputs: dict[str, str]) -> bool:
    only(inputs)
    outputs["registry"] = REGISTRY
    command = f"aws ecr get-login-password | docker login --username AWS --password-stdin {REGISTRY}"
    return run.script(command, {}, {})


def set_up_buildx(_run: Run, inputs: Mapped, _context: Mapped, _outputs: dict[str, str]) -> bool:
    only(inputs)
    return True


def describe(_run: Run, inputs: Mapped, context: Mapped, outputs: dict[str, str]) -> bool:
    only(inputs, "images", "tags", "flavor")
    metadata = Metadata(inputs["images"], inputs["tags"], inputs.get("flavor", ""))
    outputs |= metadata.outputs(context["github"]["ref_name"], context["github"]["sha"])
    return True


def build_and_push(run: Run, inputs: Mapped, _context: Mapped, _outputs: dict[str, str]) -> bool:
    only(inputs, "context", "push", "provenance", "tags", "labels")
    assert inputs["push"] is True and inputs["context"] == "."
    return build(run, inputs["tags"].splitlines(), inputs["labels"].splitlines(), [])


def bake(run: Run, inputs: Mapped, context: Mapped, _outputs: dict[str, str]) -> bool:
    only(inputs, "source", "files", "targets", "push")
    assert inputs["push"] is True and inputs["source"] == "."
    target = bake_target(FOLDER / inputs["files"], inputs["targets"], context["env"])
    labels = [f"{name}={value}" for name, value in target["labels"].items()]
    return build(run, target["tags"], labels, target["platforms"])


def build(run: Run, tags: list[str], labels: list[str], platforms: list[str]) -> bool:
    """Runs what these actions run."""
    options = [("--platform", item) for item in platforms]
    options += [("--tag", item) for item in tags] + [("--label", item) for item in labels]
    words = " ".join(f"{name} '{value}'" for name, value in options)
    return run.script(f"docker buildx build --push {words} .", {}, {})


def bake_target(file: Path, name: str, variables: Mapping[str, str]) -> Mapped:
    """A target of a bake file, with the variables of the environment."""
    document = hcl2.loads(file.read_text())
    declared = {unquoted(key) for block in document["variable"] for key in block if not key.startswith("__")}

    def value(raw: Any) -> Any:
        if isinstance(raw, list):
            return [value(item) for item in raw]
        if isinstance(raw, dict):
            return {unquoted(key): value(item) for key, item in raw.items() if not key.startswith("__")}
        # What stands without quotation marks is the name of a variable.
        text = unquoted(raw) if raw.startswith('"') else f"${{{raw}}}"
        names = set(re.findall(r"\$\{(\w+)\}", text))
        assert names <= declared, f"undeclared: {names - declared}"
        return re.sub(r"\$\{(\w+)\}", lambda match: variables[match[1]], text)

    [target] = [block[key] for block in document["target"] for key in block if unquoted(key) == name]
    return dict(value(target))


def unquoted(text: str) -> str:
    """The parser leaves the quotation marks where they are."""
    return text.removeprefix('"').removesuffix('"')


ACTIONS: dict[str, Callable[[Run, Mapped, Mapped, dict[str, str]], bool]] = {
    "actions/checkout": check_out,
    "aws-actions/amazon-ecr-login": log_in,
    "aws-actions/configure-aws-credentials": configure_credentials,
    "docker/bake-action": bake,
    "docker/build-push-action": build_and_push,
    "docker/metadata-action": describe,
    "docker/setup-buildx-action": set_up_buildx,
}
