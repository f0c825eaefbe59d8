"""The program of the release, run as Lambda runs it."""

from contextlib import closing
from pathlib import Path

from support.artifacts import Release
from support.background import running
from support.emulator import ACCOUNT, CREDENTIALS, REGION
from support.runtime_api import RuntimeApi


def test_it_answers_a_request(own_release: Release, folder: Path) -> None:
    settings = {"PLATFORMS": "linux/amd64,linux/arm64", "REGIONS": "us-east-1"}
    with closing(RuntimeApi()) as host:
        variables = {**CREDENTIALS, **settings, **host.variables}
        with running([own_release.bootstrap()], folder / "bootstrap.log", variables):
            answer = host.invoke({"action": "registries"}).body
    regions = (REGION, "us-east-1")
    assert answer == {"registries": [{"account": ACCOUNT, "region": region} for region in regions]}
