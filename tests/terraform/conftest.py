"""What the tests share: the folder of a release, an emulator, and a local ECR that the deployed function talks to."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artifacts import unpacked
from background import ROOT
from emulator import SHIMMED, Emulator, emulator
from local_ecr import LocalEcr, local_ecr
from stack import ARCHITECTURE
from terraform import Terraform, provider_mirror

BUCKET = "my-artifacts"
"""The bucket that the example of the README names."""

Create = Callable[[str], Terraform]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for logs and temporary files of the programs."""
    return tmp_path_factory.mktemp("terraform")


@pytest.fixture(scope="session")
def release(folder: Path) -> Path:
    """The folder of the release for the architecture of this machine."""
    return unpacked(ARCHITECTURE, folder).folder


@pytest.fixture(scope="session")
def mirror() -> Path:
    """A folder with the provider."""
    return provider_mirror(Path(os.environ["PROVIDER_MIRROR"]))


@pytest.fixture(scope="session")
def ecr(folder: Path) -> Iterator[LocalEcr]:
    """The registry that tests push to, and that the function reads and writes."""
    with local_ecr(folder / "local-ecr") as started:
        yield started


@pytest.fixture(scope="session")
def aws(folder: Path, ecr: LocalEcr) -> Iterator[Emulator]:
    """The emulator, with a bucket. The processes of its functions inherit the endpoint of ECR."""
    with emulator(SHIMMED, folder / "emulator", {"AWS_ENDPOINT_URL_ECR": ecr.url}) as started:
        location = {"LocationConstraint": started.client("s3").meta.region_name}
        started.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        yield started


@pytest.fixture(scope="session")
def example(release: Path) -> str:
    """The example of the README, with the folder of the release as its source."""
    _, _, rest = (ROOT / "terraform" / "README.md").read_text().partition("```hcl\n")
    text, _, _ = rest.partition("```")
    named = "./ecr-multiarch-VERSION-arm64/"
    assert text.count(named) == 1, text
    return text.replace(named, f"./{release.name}/")


@pytest.fixture(scope="session")
def create(folder: Path, aws: Emulator, release: Path, mirror: Path, example: str) -> Create:
    """Makes a root module of a name, which has the example as its configuration."""
    return lambda name: Terraform.create(folder / name, aws, release, example, mirror)
