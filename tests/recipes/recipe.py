"""What the recipes of all CI systems have in common."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from background import ROOT
from emulator import ACCOUNT, REGION
from machine import Machine, Machines

RECIPES = ROOT / "ci"
ARCHITECTURES = ("amd64", "arm64")
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
PUSH_ROLE = f"arn:aws:iam::{ACCOUNT}:role/push"
DEPLOY_ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy"


@dataclass(frozen=True)
class Release:
    """What a pipeline is started for."""

    repository: str
    """Takes the place of `app`, so that each test has one of its own."""
    tag: str
    """The tag in Git."""
    revision: str


@dataclass(frozen=True)
class Script:
    """A piece of shell in a recipe."""

    place: str
    dialect: str
    """As shellcheck names it."""
    text: str


@dataclass(frozen=True)
class Outcome:
    """How a job has ended."""

    job: str
    succeeded: bool
    output: str


class System(Protocol):
    """A CI system, as far as its recipe needs it."""

    def version(self, release: Release) -> str:
        """The version that the recipe pushes and deploys."""

    def scripts(self) -> Sequence[Script]:
        """All shell of the recipe."""

    def run(self, machines: Machines, release: Release) -> Sequence[Outcome]:
        """Runs the pipeline. A job whose predecessor has failed is left out."""


def with_repository(variables: Mapping[str, str], release: Release) -> dict[str, str]:
    """The variables of a recipe, with the repository of the test in place of that of the recipe."""
    assert variables["REPOSITORY"] == "app", variables
    return {**variables, "REPOSITORY": release.repository}


def run_in_order(pushes: Sequence[Callable[[], Outcome]], deploy: Callable[[], Outcome]) -> list[Outcome]:
    """Runs the pushes at the same time, and the deployment after them if all have succeeded."""
    outcomes = in_parallel(pushes)
    return [*outcomes, deploy()] if all(outcome.succeeded for outcome in outcomes) else outcomes


def in_parallel(jobs: Sequence[Callable[[], Outcome]]) -> list[Outcome]:
    """Runs jobs at the same time."""
    outcomes: list[Outcome | None] = [None] * len(jobs)

    def run(index: int) -> None:
        outcomes[index] = jobs[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended = [outcome for outcome in outcomes if outcome is not None]
    assert len(ended) == len(jobs), "a job has failed to run; its thread has printed why"
    return ended


def run_shell(machine: Machine, job: str, shell: Sequence[str], text: str, variables: Mapping[str, str]) -> Outcome:
    """Runs one script as a whole job."""
    done = machine.run(shell, text, variables)
    return Outcome(job, done.returncode == 0, done.stdout)
