"""What deploys a version in place of kubectl: the commands for Amazon ECS, on moto, and the manifest for Kargo."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.background import environment, free_port, running
from support.commands import VERSION_1, section, shell_blocks
from support.emulator import CREDENTIALS
from support.waiting import eventually

DIGEST = "sha256:" + 64 * "a"
REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
GUIDE = "docs/integrations.md"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone of a project, whose version is there."""
    script = tmp_path / "pipelines" / "wait-for-version"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\n[ \"$*\" = 'app 1.2.3' ] && echo {DIGEST}\n")
    script.chmod(0o755)
    return tmp_path


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which the AWS CLI calls moto."""
    port = free_port()
    with running([VERSION_1.with_name("moto_server"), "--port", str(port)], tmp_path / "moto.log", CREDENTIALS) as moto:
        eventually("moto starts", lambda: "Running on" in moto.output())
        yield environment({
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "PATH": f"{Path(sys.executable).parent}:{environment({})['PATH']}",
            "registry": REGISTRY,
            "role": "arn:aws:iam::123456789012:role/execution",
        })


def run(script: str, project: Path, variables: dict[str, str]) -> str:
    """Runs a script, and returns what it prints."""
    command = ["bash", "-eu", "-o", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_service_of_ecs_runs_the_list_by_its_digest(project: Path, variables: dict[str, str]) -> None:
    before = """\
aws ecs create-cluster --cluster-name production
containers='[{"name": "app", "image": "app:1.2.2", "memory": 512}]'
aws ecs register-task-definition --family app --container-definitions "$containers"
aws ecs create-service --cluster production --service-name app --task-definition app --desired-count 0
"""
    after = """\
task=$(aws ecs describe-services --cluster production --services app --query 'services[0].taskDefinition' --output text)
aws ecs describe-task-definition --task-definition "$task" --query taskDefinition
"""
    [block] = shell_blocks(section(GUIDE, "Amazon ECS"))
    run(before, project, variables)
    run(block, project, variables)
    task = json.loads(run(after, project, variables))
    assert [container["image"] for container in task["containerDefinitions"]] == [f"{REGISTRY}/app@{DIGEST}"]
    assert task["runtimePlatform"]["cpuArchitecture"] == "ARM64"


def test_kargo_subscribes_to_versions_alone() -> None:
    guide = section(GUIDE, "GitOps: Argo CD Image Updater, Flux and Kargo")
    [block] = re.findall(r"^```yaml\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    warehouse = yaml.safe_load(block)
    assert (warehouse["apiVersion"], warehouse["kind"]) == ("kargo.akuity.io/v1alpha1", "Warehouse")
    [subscription] = warehouse["spec"]["subscriptions"]
    # Without a constraint, or with one that names a pre-release, platform tags would be versions.
    assert re.fullmatch(r"\^\d+\.\d+\.\d+", subscription["image"]["constraint"])
    assert ":" not in subscription["image"]["repoURL"]
