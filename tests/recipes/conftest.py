"""What all tests share: one emulator with the deployed stack, one local ECR, and the roles of CI."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The emulator, the local ECR and the stack are those of the tests of the deployed stack.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "deployed"))

from emulator import ACCOUNT, SHIMMED, Emulator, emulator
from local_ecr import LocalEcr, local_ecr
from machine import Machines, aws_cli
from relay import Relay, relay_to
from stack import ARCHITECTURE, Stack, deploy

ISSUER = "ci.example.com"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for logs and temporary files of the programs."""
    return tmp_path_factory.mktemp("recipes")


@pytest.fixture(scope="session")
def ecr(folder: Path) -> Iterator[LocalEcr]:
    """The registry that the recipes push to."""
    with local_ecr(folder / "local-ecr") as started:
        yield started


@pytest.fixture(scope="session")
def relay(ecr: LocalEcr) -> Iterator[Relay]:
    """The relay through which the AWS CLI of the recipes calls the local ECR."""
    with relay_to(ecr.url) as started:
        yield started


@pytest.fixture(scope="session")
def aws(folder: Path, ecr: LocalEcr) -> Iterator[Emulator]:
    """The emulator. The processes of its functions inherit the endpoint of ECR."""
    with emulator(SHIMMED, folder / "emulator", {"AWS_ENDPOINT_URL_ECR": ecr.url}) as started:
        yield started


@pytest.fixture(scope="session")
def stack(aws: Emulator, folder: Path) -> Stack:
    """The stack, for all repositories."""
    parameters = {"Architecture": ARCHITECTURE, "Platforms": "linux/amd64,linux/arm64", "SweepState": "DISABLED"}
    return deploy(aws, "images", parameters, folder / "sam-deploy.log")


@pytest.fixture(scope="session")
def function(stack: Stack) -> str:
    """The function by which the recipes wait."""
    return stack.output("WaitFunctionArn")


@pytest.fixture(scope="session")
def token(aws: Emulator) -> str:
    """A token of a CI system, with which the roles of CI can be taken on. The emulator does not check signatures."""
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}},
    }
    iam = aws.client("iam")
    iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"])
    for role in ("push", "deploy"):
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
    parts = ({"alg": "none"}, {"iss": f"https://{ISSUER}", "aud": "sts.amazonaws.com", "sub": "app"})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


@pytest.fixture
def machines(tmp_path: Path, aws: Emulator, ecr: LocalEcr, relay: Relay) -> Machines:
    """Machines for the jobs of a test."""
    variables = {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ENDPOINT_URL_ECR": relay.url,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
        "STUB_AWS": aws_cli(),
        "STUB_ECR": ecr.url,
    }
    return Machines(tmp_path, variables)
