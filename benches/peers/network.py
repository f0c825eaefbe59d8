"""The network between candidates and registry: the relay's process, its certificate, and the shortest round trip."""

import http.client
import json
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import botocore
import trustme
from candidates import DOCUMENTATION_ADDRESS, Endpoint
from registry import Registry

PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
HERE = Path(__file__).resolve().parent


class Network:
    """The relay that runs."""

    def __init__(self, process: "subprocess.Popen[str]", bundle: Path) -> None:
        self._process = process
        self.endpoint = Endpoint(self._read()["port"], bundle)

    def set_round_trip(self, milliseconds: float) -> None:
        """Sets the round-trip time of the connections that begin from now on."""
        self._ask({"round_trip_ms": milliseconds})

    def take(self) -> dict[str, Any]:
        """What has passed the relay since the last call."""
        traffic: dict[str, Any] = self._ask("take")
        return traffic

    def shortest_round_trip(self, repository: str, version: str, count: int) -> float:
        """The seconds of a request on an open connection, by a client that does nothing else."""
        context = ssl.create_default_context(cafile=self.endpoint.bundle)
        connection = http.client.HTTPSConnection("localhost", self.endpoint.port, context=context)
        body = json.dumps({"repositoryName": repository, "imageIds": [{"imageTag": version}]})
        target = "AmazonEC2ContainerRegistry_V20150921.BatchGetImage"
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": target,
            "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/ecr/aws4_request",
        }
        times = []
        for _ in range(count + 1):
            begun = time.monotonic()
            connection.request("POST", "/", body, headers)
            connection.getresponse().read()
            times.append(time.monotonic() - begun)
        connection.close()
        # The first one includes the handshakes.
        return median(times[1:])

    def _ask(self, command: object) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            sys.exit("the relay has ended")
        return json.loads(line)


@contextmanager
def network(registry: Registry, folder: Path) -> Iterator[Network]:
    """Runs the relay before this registry, with a certificate of an authority of its own."""
    # As those of AWS: RSA, and issued by an intermediate authority.
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    intermediate = authority.create_child_ca(key_type=trustme.KeyType.RSA)
    issued = intermediate.issue_cert("localhost", DOCUMENTATION_ADDRESS, key_type=trustme.KeyType.RSA)
    certificate = folder / "certificate.pem"
    certificate.unlink(missing_ok=True)
    issued.private_key_and_cert_chain_pem.write_to_path(certificate)
    # The public authorities that botocore ships, so that they are the same on each machine; without comments, as in the
    # bundles of Linux distributions.
    public = PEM.findall((Path(botocore.__file__).parent / "cacert.pem").read_text())
    bundle = folder / "authorities.pem"
    bundle.write_text("\n".join([*public, authority.cert_pem.bytes().decode()]))
    process = subprocess.Popen(
        [sys.executable, HERE / "relay.py", registry.url, certificate],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Network(process, bundle)
    finally:
        process.kill()
        process.wait()
