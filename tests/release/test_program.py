"""The program of the release, run as Lambda runs it."""

from pathlib import Path

from artifacts import Release
from background import running
from emulator import ACCOUNT, CREDENTIALS, REGION
from runtime_api import runtime_api


def test_it_answers_a_request(own_release: Release, folder: Path) -> None:
    settings = {"PLATFORMS": "linux/amd64,linux/arm64", "REGIONS": "us-east-1"}
    with runtime_api() as host:
        variables = {**CREDENTIALS, **settings, **host.variables}
        with running([own_release.bootstrap()], folder / "bootstrap.log", variables) as function:
            answer = host.answer(function, {"action": "registries"})
    regions = (REGION, "us-east-1")
    assert answer == {"registries": [{"account": ACCOUNT, "region": region} for region in regions]}
