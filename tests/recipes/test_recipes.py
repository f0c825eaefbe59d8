"""The recipes of all CI systems, run as their systems run them."""

import uuid
from collections.abc import Callable

import pytest

from buildkite import Buildkite
from codebuild import CodeBuild
from github import GitHub
from gitlab import GitLab
from jenkins import Jenkins
from local_ecr import LocalEcr
from machine import Entry, Machines
from recipe import ARCHITECTURES, DEPLOY_ROLE, PUSH_ROLE, REGISTRY, Release, System
from registry import HOME
from relay import DENIED, Relay

SYSTEMS: dict[str, Callable[[str, str], System]] = {
    "matrix": lambda _token, function: GitHub("matrix", function),
    "metadata-action": lambda _token, function: GitHub("metadata-action", function),
    "bake": lambda _token, function: GitHub("bake", function),
    "gitlab": GitLab,
    "codebuild": lambda _token, function: CodeBuild(function),
    "jenkins": lambda _token, function: Jenkins(function),
    "buildkite": Buildkite,
}
# The service role of CodeBuild and the agents of Jenkins have their permissions without taking on a role.
WITH_ROLES = ("matrix", "metadata-action", "bake", "gitlab", "buildkite")


@pytest.fixture(params=SYSTEMS)
def name(request: pytest.FixtureRequest) -> str:
    """The recipe."""
    return str(request.param)


@pytest.fixture
def system(name: str, token: str, function: str) -> System:
    """The CI system that runs the recipe."""
    return SYSTEMS[name](token, function)


@pytest.fixture
def release(name: str, ecr: LocalEcr) -> Release:
    """A release in a repository of its own, whose tags are immutable. The tags that move are excluded."""
    repository = f"{name}/{uuid.uuid4().hex[:8]}"
    ecr.create_immutable(repository, ["latest", "latest-*"] if name == "metadata-action" else [])
    return Release(repository, "v1.2.3", "1f6b0bd0a4a1e31e4b2a7c5f1d9f2b8e3c4d5a60")


def test_a_version_is_pushed_once_and_deployed_by_digest(
    system: System, machines: Machines, release: Release, ecr: LocalEcr, name: str
) -> None:
    run(system, machines, release)
    version = system.version(release)
    builds = machines.journal("docker build")
    for build in builds:
        architecture = build["platform"].removeprefix("linux/")
        assert f"{REGISTRY}/{release.repository}:{version}-{architecture}" in build["tags"]
        # A tag without the platform would be overwritten by each of them.
        assert all(tag.endswith(f"-{architecture}") for tag in build["tags"]), build["tags"]
        assert f"org.opencontainers.image.revision={release.revision}" in build["labels"]
    assert sorted(build["platform"] for build in builds) == [f"linux/{name}" for name in ARCHITECTURES]
    pushed = ecr.digests(release.repository)
    assert ecr.platforms(release.repository, version) == {
        architecture: pushed[f"{version}-{architecture}"] for architecture in ARCHITECTURES
    }
    assert deployed(machines) == [f"{REGISTRY}/{release.repository}@{pushed[version]}"]
    if name in WITH_ROLES:
        assert roles(machines) == {"ecr": {PUSH_ROLE}, "lambda": {DEPLOY_ROLE}}

    machines.forget()
    run(system, machines, release)
    assert machines.journal("docker build") == []
    assert machines.journal("docker login") == []
    assert deployed(machines) == [f"{REGISTRY}/{release.repository}@{pushed[version]}"]


def test_a_push_that_fails_fails_the_job_and_is_made_up_for(
    system: System, machines: Machines, release: Release
) -> None:
    machines.faults["arm64"] = "fails"
    outcomes = system.run(machines, release)
    assert sorted(outcome.succeeded for outcome in outcomes) == [False, True], outcomes
    assert deployed(machines) == []

    machines.forget()
    run(system, machines, release)
    assert [build["platform"] for build in machines.journal("docker build")] == ["linux/arm64"]
    assert len(deployed(machines)) == 1


# One of those that push by an action, and one of those that push by a command.
@pytest.mark.parametrize("name", ["matrix", "gitlab"])
def test_a_tag_that_another_run_has_pushed_meanwhile_fails_the_job_once(
    system: System, machines: Machines, release: Release
) -> None:
    machines.faults["arm64"] = "races"
    outcomes = system.run(machines, release)
    assert sorted(outcome.succeeded for outcome in outcomes) == [False, True], outcomes
    assert "ImageTagAlreadyExistsException" in "".join(outcome.output for outcome in outcomes)

    machines.forget()
    run(system, machines, release)
    assert machines.journal("docker build") == []
    assert len(deployed(machines)) == 1


def test_nothing_is_built_where_the_tag_cannot_be_looked_up(
    system: System, machines: Machines, release: Release, relay: Relay
) -> None:
    # All other calls succeed, so that only the recipe stands between the denial and a build.
    with relay.refusing(HOME, DENIED, "DescribeImages"):
        outcomes = system.run(machines, release)
    assert [outcome.succeeded for outcome in outcomes] == [False, False], outcomes
    assert machines.journal("docker build") == []


def run(system: System, machines: Machines, release: Release) -> None:
    """Runs a pipeline, in which no job may fail."""
    outcomes = system.run(machines, release)
    failed = [outcome for outcome in outcomes if not outcome.succeeded]
    assert not failed, "\n".join(f"{outcome.job}: {outcome.output}" for outcome in failed)
    assert len(outcomes) == 3


def deployed(machines: Machines) -> list[str]:
    """The images that were deployed."""
    calls = [entry["arguments"] for entry in machines.journal("kubectl")]
    for call in calls:
        assert call[:3] == ["set", "image", "deployment/app"] and len(call) == 4, call
    return [call[3].removeprefix("app=") for call in calls]


def roles(machines: Machines) -> dict[str, set[str | None]]:
    """The roles by which each service was called."""
    found: dict[str, set[str | None]] = {}
    for entry in machines.journal("aws"):
        found.setdefault(service(entry), set()).add(entry["role"])
    return found


def service(entry: Entry) -> str:
    """The service that a call of the AWS CLI names first."""
    return str(entry["arguments"][0])
