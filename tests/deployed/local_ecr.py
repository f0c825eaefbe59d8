"""The project's local ECR as a registry that tests push to."""

import hashlib
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from background import ROOT, running
from emulator import ACCOUNT, CREDENTIALS, REGION
from waiting import eventually

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

# The program has a function of its own attached, which must not publish. It waits for the third platform.
PLATFORMS = "linux/amd64,linux/arm64,linux/riscv64"


@dataclass(frozen=True)
class LocalEcr:
    """A running local ECR, as the registry of an account and Region."""

    url: str
    account: str = ACCOUNT
    region: str = REGION

    def of(self, account: str, region: str) -> "LocalEcr":
        """The registry of another account or Region."""
        return replace(self, account=account, region=region)

    def push(self, repository: str, tag: str, architecture: str) -> str:
        """Pushes an OCI image of an architecture, and returns its digest."""
        layer = f"{repository}:{tag}".encode()
        diff_id = digest(layer)
        config = {"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._upload(repository, CONFIG, json.dumps(config).encode()),
            "layers": [self._upload(repository, LAYER, layer)],
        }
        body = json.dumps(manifest).encode()
        self._send("PUT", f"/v2/{repository}/manifests/{tag}", body, {"Content-Type": MANIFEST})
        return digest(body)

    def platforms(self, repository: str, tag: str) -> dict[str, str] | None:
        """The digests of a manifest list by architecture, or nothing if the tag does not exist."""
        try:
            body = self._send("GET", f"/v2/{repository}/manifests/{tag}", None, {"Accept": INDEX})
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        return {entry["platform"]["architecture"]: entry["digest"] for entry in json.loads(body)["manifests"]}

    def _upload(self, repository: str, media_type: str, content: bytes) -> dict[str, Any]:
        """Uploads a blob in one request, and returns its descriptor."""
        path = f"/v2/{repository}/blobs/uploads/?digest={digest(content)}"
        self._send("POST", path, content, {"Content-Type": "application/octet-stream"})
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        host = f"{self.account}.dkr.ecr.{self.region}.amazonaws.com"
        request = urllib.request.Request(self.url + path, body, {**headers, "Host": host}, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=10) as response:
            return response.read()


def digest(content: bytes) -> str:
    """The digest of a blob or a manifest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def local_ecr(folder: Path) -> Iterator[LocalEcr]:
    """Runs the local ECR, which `.ci/deployed` has built, on a free port."""
    folder.mkdir()
    program = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "examples" / "local"
    with running([program, "--serve", "--platforms", PLATFORMS], folder / "local-ecr.log", CREDENTIALS) as started:
        [url] = eventually("the local ECR starts", lambda: re.findall(r"listens at (http://\S+)", started.output()))
        yield LocalEcr(url)
