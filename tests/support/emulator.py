"""The emulator of AWS: ministack, with the shim."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from support.background import Program, free_port, running
from support.waiting import eventually

ACCOUNT = "123456789012"
REGION = "eu-central-1"
CREDENTIALS = {
    # The emulator takes an access key of twelve digits for the account.
    "AWS_ACCESS_KEY_ID": ACCOUNT,
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    url: str
    program: Program

    def client(self, service: str, account: str = ACCOUNT, region: str = REGION) -> Any:
        """A client of the AWS SDK for one of its services, in an account and Region."""
        # A request is answered or fails, and does not reach any proxy.
        config = Config(retries={"total_max_attempts": 1}, read_timeout=120, proxies={})
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=config,
        )

    def is_healthy(self) -> bool:
        """Whether it answers. Fails if it has ended."""
        self.program.output()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            return direct.open(f"{self.url}/_ministack/health", timeout=5).status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


SHIM = Path(__file__).with_name("emulator_shim.py")


@contextmanager
def emulator(folder: Path, variables: Mapping[str, str]) -> Iterator[Emulator]:
    """Runs an emulator on a free port of 127.0.0.1. Its Lambda functions have these environment variables as well."""
    folder.mkdir()
    port = free_port()
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": REGION,
        "TMPDIR": str(folder),
    }
    with running([sys.executable, SHIM], folder / "emulator.log", {**CREDENTIALS, **settings, **variables}) as program:
        started = Emulator(f"http://127.0.0.1:{port}", program)
        eventually("the emulator starts", started.is_healthy)
        yield started
