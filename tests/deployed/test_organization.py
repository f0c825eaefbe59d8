"""A hub that serves an organization: events from the buses of its members to the lists in their registries."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.background import ROOT
from support.cloudformation import create, delete
from support.emulator import ACCOUNT, REGION, Emulator
from support.events import PUSHES
from support.local_ecr import MANIFEST, LocalEcr
from patterns import matched
from support.registry import Registry
from support.stack import PARAMETERS, Stack, announce_push, deploy
from support.state_machine import StateMachine
from support.waiting import eventually

HUB = {**PARAMETERS, "Repositories": "org/*", "OrganizationId": "o-a1b2c3d4e5", "FurtherRegions": "eu-west-1"}

LISTED = "111122223333"
SIBLING = "444455556666"
PLACES = [(LISTED, REGION), (LISTED, "eu-west-1"), (SIBLING, REGION), (ACCOUNT, "eu-west-1")]
"""The registries that send events to the hub, besides its own."""


@dataclass(frozen=True)
class Member:
    """The stack of `member.yaml` in an account and Region, as a StackSet deploys it."""

    emulator: Emulator
    account: str
    region: str

    NAME = "StackSet-member"

    def client(self, service: str) -> Any:
        return self.emulator.client(service, self.account, self.region)

    def deploy(self) -> "Member":
        parameters = {"HubAccountId": ACCOUNT, "HubRegion": REGION}
        create(self.client("cloudformation"), self.NAME, (ROOT / "member.yaml").read_text(), parameters)
        return self

    def resources(self) -> set[str]:
        summaries = self.client("cloudformation").list_stack_resources(StackName=self.NAME)["StackResourceSummaries"]
        return {summary["LogicalResourceId"] for summary in summaries}

    def delete(self) -> None:
        delete(self.client("cloudformation"), self.NAME)


@pytest.fixture(scope="module")
def hub(aws: Emulator, folder: Path) -> Iterator[Stack]:
    """A hub, with members in other accounts and Regions."""
    deployed = deploy(aws, "hub", HUB, folder / "sam-deploy-hub.log")
    members = [Member(aws, *place).deploy() for place in PLACES]
    yield deployed
    for member in members:
        member.delete()
    delete(aws.client("cloudformation"), deployed.name)


def push_everywhere(hub: Stack, ecr: LocalEcr, repository: str) -> dict[tuple[str, str], dict[str, str]]:
    """Pushes a version to each registry, with the events, and returns the digests by architecture."""
    digests: dict[tuple[str, str], dict[str, str]] = {}
    for account, region in [(ACCOUNT, REGION), *PLACES]:
        events = hub.emulator.client("events", account, region)
        pushed = digests[account, region] = {}
        for architecture in ("amd64", "arm64"):
            # Other digests in each registry.
            tag = f"{account}.{region}-{architecture}"
            pushed[architecture] = ecr.push(repository, tag, architecture, Registry(account, region))
            announce_push(events, repository, tag)
    return digests


def test_pushes_anywhere_are_published_where_they_are(hub: Stack, ecr: LocalEcr) -> None:
    digests = push_everywhere(hub, ecr, "org/app")
    for (account, region), expected in digests.items():
        version = f"{account}.{region}"
        registry = Registry(account, region)
        published = eventually(f"{version} is published", lambda: ecr.platforms("org/app", version, registry))
        assert published == expected
        for other in digests.keys() - {(account, region)}:
            assert ecr.platforms("org/app", version, Registry(*other)) is None
    eventually("the events are deleted", hub.queue("PushQueue").is_empty)
    published = [line for line in hub.log("org/app") if line["outcome"] == "published"]
    assert {(line["account"], line["region"]) for line in published} == digests.keys()


def test_the_accounts_to_sweep_become_registries(hub: Stack) -> None:
    registries = hub.invoke({"action": "registries", "accounts": [SIBLING, ACCOUNT, LISTED]})["registries"]
    expected = [(account, region) for account in (ACCOUNT, LISTED, SIBLING) for region in (REGION, "eu-west-1")]
    assert [(registry["account"], registry["region"]) for registry in registries] == expected


def test_the_sweep_covers_active_accounts_of_the_organization(aws: Emulator, ecr: LocalEcr, folder: Path) -> None:
    organizations = aws.client("organizations")

    def create_account(name: str) -> str:
        created = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
        return str(created["CreateAccountStatus"]["AccountId"])

    one, two, closed, left_out = (create_account(f"swept-{name}") for name in ("one", "two", "closed", "left-out"))
    organizations.close_account(AccountId=closed)
    accounts = (ACCOUNT, one, two, closed, left_out)

    def swept_accounts(parameter: str, version: str) -> set[str]:
        """The accounts whose version a sweep publishes, with this value of `SweptAccounts`."""
        parameters = {**HUB, "Repositories": "swept/*", "SweptAccounts": parameter, "UnsweptAccounts": left_out}
        stack = deploy(aws, "swept-hub", parameters, folder / f"sam-deploy-swept-hub-{version}.log")
        for account in accounts:
            ecr.push_version("swept/app", version, Registry(account, REGION))
        StateMachine(aws, stack.output("SweepMachineArn")).start().output()
        registries = [Registry(account, REGION) for account in accounts]
        return {registry.account for registry in registries if ecr.platforms("swept/app", version, registry)}

    assert swept_accounts("*", "1.0.0") == {ACCOUNT, one, two}
    assert swept_accounts(two, "2.0.0") == {ACCOUNT, two}
    assert swept_accounts("", "3.0.0") == {ACCOUNT}
    delete(aws.client("cloudformation"), "swept-hub")


def test_a_foreign_region_and_repository_are_left_alone(hub: Stack, aws: Emulator) -> None:
    queue = hub.queue("PushQueue")
    eventually("the queue is empty", queue.is_empty)
    member = Member(aws, SIBLING, "us-east-1").deploy()
    with hub.paused():
        announce_push(member.client("events"), "org/app", "1.0.0-amd64")
        announce_push(aws.client("events", SIBLING, REGION), "other/app", "1.0.0-amd64")
        # The only one that matches, and the last, so that the others would be there by now.
        image = {"manifest-media-type": MANIFEST}
        announce_push(aws.client("events", SIBLING, REGION), "org/app", "not-a-platform-tag", **image)
        [message] = eventually("an event is in the queue", queue.messages)
    assert (json.loads(message["Body"])["account"], json.loads(message["Body"])["region"]) == (SIBLING, REGION)
    eventually("the event is deleted", queue.is_empty)
    member.delete()


def test_the_hub_s_own_account_and_region_forward_nothing(aws: Emulator) -> None:
    member = Member(aws, ACCOUNT, REGION).deploy()
    assert member.resources() == {"UnsentQueue", "UnsentQueuePolicy"}
    member.delete()


def test_the_bus_takes_events_of_the_organization(hub: Stack, aws: Emulator) -> None:
    [statement] = bus_statements(aws, hub)
    assert statement["Condition"]["StringEquals"] == {"aws:PrincipalOrgID": HUB["OrganizationId"]}
    assert statement["Principal"] == "*"


def test_the_rule_of_an_organization_matches_any_account(hub: Stack, aws: Emulator) -> None:
    # This hub serves other repositories than those of the events.
    pattern = hub.pattern().replace('"org/*"', '"app"')
    assert matched(aws, pattern) == PUSHES | {"push-other-account"}


def test_the_rule_of_a_member_matches_its_own_pushes(hub: Stack, aws: Emulator) -> None:
    events = aws.client("events", LISTED, REGION)
    # An output of the member's stack.
    [stack] = aws.client("cloudformation", LISTED, REGION).describe_stacks(StackName=Member.NAME)["Stacks"]
    arns = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    pattern = events.describe_rule(Name=arns["PushRuleArn"].rpartition("/")[2])["EventPattern"]
    # The events are those of another account. A member sends the pushes to all repositories.
    assert matched(aws, pattern.replace(LISTED, ACCOUNT)) == PUSHES | {"push-other-repository"}


def test_a_hub_of_an_organization_becomes_one_of_listed_accounts(hub: Stack, aws: Emulator, folder: Path) -> None:
    parameters = {**HUB, "Repositories": "listed/*"}
    other = deploy(aws, "listed-hub", parameters, folder / "sam-deploy-listed-hub.log")
    before = {**parameters, "OrganizationId": "", "Accounts": LISTED}
    deploy(aws, other.name, before, folder / "sam-deploy-listed-hub-update.log")
    assert [statement["Principal"] for statement in bus_statements(aws, other)] == [{"AWS": [LISTED]}]
    identifier = other.identifier()
    queue = other.queue("PushQueue")
    with other.paused():
        announce_push(aws.client("events", SIBLING, REGION), "listed/app", "not-a-platform-tag")
        announce_push(aws.client("events", LISTED, REGION), "listed/app", "not-a-platform-tag")
        [message] = eventually("an event is in the queue", queue.messages)
        assert json.loads(message["Body"])["account"] == LISTED
        assert queue.size() == 1
    eventually("the event is deleted", queue.is_empty)
    delete(aws.client("cloudformation"), other.name)
    assert identifier not in {statement["Sid"] for statement in statements_of_bus(aws)}
    assert len(bus_statements(aws, hub)) == 1


def statements_of_bus(aws: Emulator) -> list[Any]:
    """The statements of the policy of the bus, which several stacks may share."""
    return list(json.loads(aws.client("events").describe_event_bus()["Policy"])["Statement"])


def bus_statements(aws: Emulator, hub: Stack) -> list[Any]:
    """Those of a hub."""
    statements = [statement for statement in statements_of_bus(aws) if statement["Sid"] == hub.identifier()]
    assert {statement["Resource"] for statement in statements} <= {hub.output("EventBusArn")}
    return statements


def test_swept_accounts_without_an_organization_are_refused(aws: Emulator, folder: Path) -> None:
    parameters = {**PARAMETERS, "SweptAccounts": LISTED}
    with pytest.raises(AssertionError, match="SweptAccounts needs OrganizationId"):
        deploy(aws, "refused", parameters, folder / "sam-deploy-refused.log")
