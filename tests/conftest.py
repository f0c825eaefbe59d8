"""What the tests share: one emulator of AWS, one local ECR that its functions talk to, the stack, and the releases."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.artifacts import Release, built, unpacked
from support.emulator import Emulator, emulator
from support.local_ecr import LocalEcr, local_ecr
from support.relay import Relay
from support.stack import ARCHITECTURE, PARAMETERS, Stack, deploy

# The retries of an event take 2 x 5 s, in place of 25 x 180 s. A visibility timeout must be longer than an attempt:
# the function waits for three seconds until a pushed tag is visible.
VISIBILITY_TIMEOUT = 5
RECEIVE_COUNT = 2
# A sweep begins no new work after three quarters of its time, in place of 880 s of 900.
SWEEPER_TIMEOUT = 4


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "architecture" in metafunc.fixturenames:
        metafunc.parametrize("architecture", built(), scope="session")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for logs and temporary files of the programs."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="session")
def ecr(folder: Path) -> Iterator[LocalEcr]:
    """The registries that tests push to, and that the functions read and write."""
    with local_ecr(folder / "local-ecr") as started:
        yield started


@pytest.fixture(scope="session")
def relay(ecr: LocalEcr) -> Relay:
    """The relay through which the functions call the local ECR."""
    return Relay(ecr.url)


@pytest.fixture(scope="session")
def aws(folder: Path, relay: Relay) -> Iterator[Emulator]:
    """The emulator. The processes of its functions inherit the endpoint of ECR."""
    # Pauses between retries of state machines are a twentieth.
    variables = {"AWS_ENDPOINT_URL_ECR": relay.url, "SFN_WAIT_SCALE": "0.05"}
    with emulator(folder / "emulator", variables) as started:
        yield started
        assert "poller error" not in started.program.output(), "an event source mapping has stopped polling"


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


@pytest.fixture(scope="session")
def release(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release for each architecture that was built."""
    return unpacked(architecture, tmp_path_factory.mktemp(architecture))


@pytest.fixture(scope="session")
def own_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release for the architecture of this machine, whose program can be run."""
    return unpacked(ARCHITECTURE, tmp_path_factory.mktemp("own"))
