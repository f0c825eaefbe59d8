"""What the tests share: the release of each architecture, an emulator, and a local ECR that the function talks to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from artifacts import Release, built, unpacked
from emulator import SHIMMED, Emulator, emulator
from local_ecr import LocalEcr, local_ecr
from stack import ARCHITECTURE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "architecture" in metafunc.fixturenames:
        metafunc.parametrize("architecture", built(), scope="session")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for logs and temporary files of the programs."""
    return tmp_path_factory.mktemp("release")


@pytest.fixture(scope="session")
def release(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release for each architecture that was built."""
    return unpacked(architecture, tmp_path_factory.mktemp(architecture))


@pytest.fixture(scope="session")
def own_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The release for the architecture of this machine, whose program can be run."""
    return unpacked(ARCHITECTURE, tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="session")
def ecr(folder: Path) -> Iterator[LocalEcr]:
    """The registry that tests push to, and that the function reads and writes."""
    with local_ecr(folder / "local-ecr") as started:
        yield started


@pytest.fixture(scope="session")
def aws(folder: Path, ecr: LocalEcr) -> Iterator[Emulator]:
    """The emulator. The processes of its functions inherit the endpoint of ECR."""
    with emulator(SHIMMED, folder / "emulator", {"AWS_ENDPOINT_URL_ECR": ecr.url}) as started:
        yield started
