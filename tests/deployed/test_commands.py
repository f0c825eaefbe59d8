"""The commands of the AWS CLI in the documents: all are parsed by both versions, and those of an incident are run."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.background import ROOT, environment, free_port
from support.commands import VALUE, VERSION_1, VERSION_2, aws_commands, definitions, documents, section, shell_blocks
from support.commands import program as aws_program
from support.emulator import CREDENTIALS
from support.local_ecr import LocalEcr
from support.stack import Stack
from support.state_machine import Execution, StateMachine
from support.waiting import eventually

NEWER_THAN_2_9 = {
    "cloudformation activate-organizations-access",
    "ecr describe-image-signing-status",
    "ecr put-image-tag-mutability",
    "ecr register-pull-time-update-exclusion",
    "ecr update-image-storage-class",
    "sqs list-message-move-tasks",
    "sqs start-message-move-task",
}
"""What docs/deploy.md says that version 2.9 lacks."""

FILES = ["docs/gitops.yaml", "docs/notifications.yaml", "member.yaml"]
"""What commands read."""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The commands of all documents, each once."""
    folder = tmp_path_factory.mktemp("commands")
    scripts = [
        f"{definitions()}\noutput AssemblerArn\n{block}" for path in documents() for block in shell_blocks(path.read_text())
    ]
    commands = {tuple(command) for script in scripts for command in aws_commands(script, folder)}
    assert len(commands) > 40
    return [list(command) for command in sorted(commands)]


@pytest.mark.parametrize("program", [VERSION_1, VERSION_2])
def test_both_versions_parse_the_commands_of_the_documents(
    program: Path, parsed: list[list[str]], tmp_path: Path
) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name, text in {"after.json": "{}", "template.yaml": "Resources: {}", "packaged.yaml": "Resources: {}"}.items():
        (tmp_path / name).write_text(text)
    # Nobody listens there, which the AWS CLI says of a command that it has parsed and validated.
    endpoint = ["--endpoint-url", f"http://127.0.0.1:{free_port()}"]
    variables = environment({**CREDENTIALS, "AWS_MAX_ATTEMPTS": "1"})

    interpreter = program.read_text().splitlines()[0].removeprefix("#!")
    done = subprocess.run(
        [interpreter, Path(__file__).with_name("aws_cli.py")],
        cwd=tmp_path,
        env=variables,
        input=json.dumps([[*command, *endpoint] for command in parsed]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    refused = {
        " ".join(command[:2]): errors
        for command, (code, errors) in zip(parsed, json.loads(done.stdout), strict=True)
        if code != 0 and "Could not connect to the endpoint URL" not in errors
    }
    assert refused.keys() == (NEWER_THAN_2_9 if program == VERSION_2 else set()), refused


def test_the_guide_says_what_the_oldest_version_lacks() -> None:
    guide = section("docs/deploy.md", "Commands and outputs").partition("```sh")[0]
    assert all(f"`{command}`" in " ".join(guide.split()) for command in NEWER_THAN_2_9)


@pytest.fixture(scope="module")
def sweep(stack: Stack, ecr: LocalEcr) -> Execution:
    """A sweep that has published the versions that the guide names."""
    for version in ("1.2.3", "1.2.4"):
        ecr.push_version("app", version)
    execution = StateMachine(stack.emulator, stack.output("SweepMachineArn")).start()
    execution.output()
    return execution


SECTIONS = [
    ("docs/deploy.md", "The existing versions"),
    ("docs/deploy.md", "Pause and remove"),
    ("docs/deploy.md", "Commands and outputs"),
    ("docs/settings.md", "Check before you deploy"),
    ("docs/runbook.md", "Roll back a release"),
    ("docs/runbook.md", "Why is my tag not there?"),
    ("docs/runbook.md", "Sweeps"),
    ("docs/runbook.md", "The queues"),
]
"""Those whose commands are run."""

PROGRAMS = {
    "ecr-multiarch": f'exec {ROOT}/target/debug/ecr-multiarch "$@"\n',
    "sam": "exit 0\n",
}
"""What stands in: the program of the terminal as it was built, and a deployment, which other tests make."""


@pytest.mark.parametrize("program", [VERSION_1, VERSION_2])
def test_the_commands_of_the_guides_succeed(
    stack: Stack, ecr: LocalEcr, sweep: Execution, program: Path, tmp_path: Path
) -> None:
    aws_program(tmp_path, program, stack.emulator.url, ecr.url)
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}")
        (tmp_path / name).chmod(0o755)
    variables = environment({**CREDENTIALS, "PATH": f"{tmp_path}:{environment({})['PATH']}", "STACK": stack.name})
    setup = definitions().replace("STACK=ecr-multiarch", "")
    for document, heading in SECTIONS:
        for block in shell_blocks(section(document, heading)):
            if program == VERSION_2 and any(command in block for command in NEWER_THAN_2_9):
                continue
            script = setup + block.replace(VALUE, sweep.arn).replace("ecr-multiarch --query", f"{stack.name} --query")
            done = subprocess.run(
                ["bash", "-eu", "-o", "pipefail", "-c", script],
                cwd=tmp_path,
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.returncode == 0, f"{block}\n{done.stderr}"
            assert "FunctionError" not in done.stdout, done.stdout
    machines = [StateMachine(stack.emulator, stack.output(f"{name}Arn")) for name in ("SweepMachine", "RegistrySweepMachine")]
    eventually("the sweeps end", lambda: not any(machine.executions("RUNNING") for machine in machines))
