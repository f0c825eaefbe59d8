"""Registries: the ECR of one account in one Region."""

from typing import NamedTuple

from support.emulator import ACCOUNT, REGION


class Registry(NamedTuple):
    """A registry, as requests and answers name it."""

    account: str
    region: str


HOME = Registry(ACCOUNT, REGION)
"""That of the stack's own account and Region."""

MEMBER_ACCOUNT = "111122223333"
FURTHER_REGIONS = ["eu-west-1", "us-east-1"]

# The function lists its own account first, and of each account its own Region.
REGISTRIES = [
    Registry(account, region) for account in (ACCOUNT, MEMBER_ACCOUNT) for region in (REGION, *FURTHER_REGIONS)
]
"""All registries that the stack serves, in the order in which it sweeps them."""
