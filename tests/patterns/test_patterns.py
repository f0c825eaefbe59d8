"""The event patterns of the templates, matched with the events of `events/` by the matcher that EventBridge uses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.background import ROOT
from support.events import PUSHES, ecr_events, sweep_events

OWN, OTHER = "123456789012", "444455556666"
"""The account of most events, and one that none comes from."""

Expected = dict[str, set[str]]
"""The events that each rule of a stack matches."""

TOLD: Expected = {
    "IncompleteRule": {"incomplete"},
    "HeldBackRule": {"incomplete-held-back", "incomplete-single-image"},
    "FailedVersionRule": {"failed"},
    "FailedRepositoryRule": {"failed-repository"},
    "FailedRegistryRule": {"failed-registry"},
    "AliasConflictRule": {"alias-conflict"},
}
NOT_TOLD: Expected = {rule: set() for rule in TOLD}
TEAM_A = ("HeldBackRule", "FailedRepositoryRule")
"""Those of the rules whose examples are about a repository of `team-a/*`."""

STACK = {"Platforms": "linux/amd64", "Repositories": "app,team-a/*"}
MEMBER = {"HubAccountId": OTHER, "HubRegion": "eu-central-1"}
GITOPS = {"Endpoint": "https://updater.example.com/webhook", "Secret": "s3cret"}
START = {"StartArn": f"arn:aws:codepipeline:eu-central-1:{OWN}:deploy"}

ALL_PUSHES = PUSHES | {"push-other-repository"}
LIST = {"push-own-list"}
# An attested platform is an index, like a list.
INDEXES = LIST | {"push-attested"}

CASES: dict[str, tuple[str, str, dict[str, str], Expected]] = {
    "stack": ("template.yaml", OWN, STACK, {"PushRule": PUSHES}),
    "stack-all-repositories": ("template.yaml", OWN, {**STACK, "Repositories": "*"}, {"PushRule": ALL_PUSHES}),
    "stack-accounts": ("template.yaml", OTHER, {**STACK, "Accounts": OWN}, {"PushRule": PUSHES}),
    "stack-other-account": ("template.yaml", OTHER, STACK, {"PushRule": set()}),
    "stack-organization": (
        "template.yaml",
        OTHER,
        {**STACK, "OrganizationId": "o-a1b2c3d4e5"},
        {"PushRule": PUSHES | {"push-other-account"}},
    ),
    "member": ("member.yaml", OWN, MEMBER, {"PushRule": ALL_PUSHES}),
    "member-other-account": ("member.yaml", "111122223333", MEMBER, {"PushRule": set()}),
    "gitops": ("docs/gitops.yaml", OWN, GITOPS, {"ListRule": LIST}),
    "gitops-suffixes": ("docs/gitops.yaml", OWN, {**GITOPS, "OtherSuffixes": "-amd64,-soci"}, {"ListRule": INDEXES}),
    "gitops-repositories": ("docs/gitops.yaml", OWN, {**GITOPS, "Repositories": "team-a/*,b"}, {"ListRule": set()}),
    "gitops-globs": ("docs/gitops.yaml", OWN, {**GITOPS, "Repositories": "base,ap*"}, {"ListRule": LIST}),
    "notifications": ("docs/notifications.yaml", OWN, {}, TOLD),
    "notifications-repositories": (
        "docs/notifications.yaml",
        OWN,
        {"Repositories": "base,team-a/*"},
        {**NOT_TOLD, **{rule: TOLD[rule] for rule in (*TEAM_A, "FailedRegistryRule")}},
    ),
    "start": ("docs/notifications.yaml", OWN, START, {**TOLD, "ListRule": LIST}),
    "start-suffixes": (
        "docs/notifications.yaml",
        OWN,
        {**START, "OtherSuffixes": "-amd64,-soci"},
        {**TOLD, "ListRule": INDEXES},
    ),
    # The lists of a member start something, but an event of its own making is not one of the sweep.
    "start-in-a-hub": ("docs/notifications.yaml", OTHER, START, {**NOT_TOLD, "ListRule": LIST}),
}
"""A template, the account of its stack, its parameters, and what its rules match."""


def rendered() -> dict[str, dict[str, Any]]:
    """The resources of each stack."""
    stacks = {
        name: {"template": template, "account": account, "region": "eu-central-1", "parameters": parameters}
        for name, (template, account, parameters, _) in CASES.items()
    }
    script = ROOT / "tests" / "permissions" / "render.py"
    done = subprocess.run([sys.executable, script, json.dumps(stacks)], check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def matches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Expected]:
    """What the rules of each stack match."""
    patterns, events = tmp_path_factory.mktemp("patterns"), tmp_path_factory.mktemp("events")
    found: dict[str, Expected] = {}
    for stack, resources in rendered().items():
        rules = {name: item for name, item in resources.items() if item["Type"] == "AWS::Events::Rule"}
        found[stack] = {name: set() for name in rules}
        for name, rule in rules.items():
            (patterns / f"{stack}:{name}").write_text(rule["Properties"]["EventPattern"])
    for name, text in {**ecr_events(), **sweep_events()}.items():
        (events / name).write_text(text)
    jars = Path(os.environ["PATTERN_TOOLS"]) / "jars" / "*"
    command = ["java", "-cp", str(jars), str(Path(__file__).with_name("Match.java")), str(patterns), str(events)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        event, pattern = line.split(" ")
        stack, rule = pattern.split(":")
        found[stack][rule].add(event)
    return found


@pytest.mark.parametrize("name", CASES)
def test_each_rule_matches_the_expected_events(name: str, matches: dict[str, Expected]) -> None:
    assert matches[name] == CASES[name][3]


def test_every_first_entry_is_told_once(matches: dict[str, Expected]) -> None:
    told = [name for names in matches["notifications"].values() for name in names]
    first = {name for name, text in sweep_events().items() if json.loads(text)["detail"]["first"]}
    assert len(told) == len(set(told))
    assert set(told) == first < sweep_events().keys()
