"""What all tests share: one emulator with the deployed stack, and one local ECR that the function talks to."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import SHIMMED, STOCK, Emulator, emulator
from local_ecr import LocalEcr, local_ecr
from relay import Relay, relay_to
from stack import PARAMETERS, Stack, deploy

# The retries of an event take 2 x 5 s, in place of 25 x 180 s. A visibility timeout must be longer than an attempt:
# the function waits for three seconds until a pushed tag is visible.
VISIBILITY_TIMEOUT = 5
RECEIVE_COUNT = 2
# A sweep begins no new work after three quarters of its time, in place of 880 s of 900.
SWEEPER_TIMEOUT = 4


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for logs and temporary files of the programs."""
    return tmp_path_factory.mktemp("deployed")


@pytest.fixture(scope="session")
def ecr(folder: Path) -> Iterator[LocalEcr]:
    """The registries that tests push to, and that the functions read and write."""
    with local_ecr(folder / "local-ecr") as started:
        yield started


@pytest.fixture(scope="session")
def relay(ecr: LocalEcr) -> Iterator[Relay]:
    """The relay through which the functions call the local ECR."""
    with relay_to(ecr.url) as started:
        yield started


@pytest.fixture(scope="session")
def aws(folder: Path, relay: Relay) -> Iterator[Emulator]:
    """The emulator with the shim. The processes of its functions inherit the endpoint of ECR."""
    # Pauses between retries of state machines are a twentieth.
    variables = {"AWS_ENDPOINT_URL_ECR": relay.url, "SFN_WAIT_SCALE": "0.05"}
    with emulator(SHIMMED, folder / "emulator", variables) as started:
        yield started
        assert "poller error" not in started.program.output(), "an event source mapping has stopped polling"


@pytest.fixture(scope="session")
def stock(folder: Path) -> Iterator[Emulator]:
    """The emulator without the shim."""
    with emulator(STOCK, folder / "stock-emulator") as started:
        yield started


@pytest.fixture(scope="session")
def stack(aws: Emulator, folder: Path) -> Stack:
    """The deployed stack, with shorter retries and sweeps."""
    deployed = deploy(aws, "images", PARAMETERS, folder / "sam-deploy.log")
    queue = deployed.queue("PushQueue")
    redrive = {**json.loads(queue.attribute("RedrivePolicy")), "maxReceiveCount": RECEIVE_COUNT}
    attributes = {"VisibilityTimeout": str(VISIBILITY_TIMEOUT), "RedrivePolicy": json.dumps(redrive)}
    aws.client("sqs").set_queue_attributes(QueueUrl=queue.url, Attributes=attributes)
    aws.client("lambda").update_function_configuration(
        FunctionName=deployed.output("SweeperArn"), Timeout=SWEEPER_TIMEOUT
    )
    return deployed
