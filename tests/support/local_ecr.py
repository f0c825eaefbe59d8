"""The project's local ECR: the registries that tests push to."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from support.background import ROOT, running
from support.emulator import CREDENTIALS
from support.registry import HOME, Registry
from support.waiting import eventually

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

# The program has a function of its own attached, which must not publish. It waits for the third platform.
PLATFORMS = "linux/amd64,linux/arm64,linux/riscv64"


@dataclass(frozen=True)
class LocalEcr:
    """A running local ECR. It has one registry for each account and Region."""

    url: str

    def push(self, repository: str, tag: str, architecture: str, registry: Registry = HOME) -> str:
        """Pushes an OCI image of an architecture, and returns its digest. Creates the repository if it is absent."""
        self._create(registry, repository)
        layer = f"{repository}:{tag}".encode()
        diff_id = digest(layer)
        config = {
            "os": "linux",
            "architecture": architecture,
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._upload(registry, repository, CONFIG, json.dumps(config).encode()),
            "layers": [self._upload(registry, repository, LAYER, layer)],
        }
        body = json.dumps(manifest)
        self._client(registry).put_image(
            registryId=registry.account,
            repositoryName=repository,
            imageManifest=body,
            imageManifestMediaType=MANIFEST,
            imageTag=tag,
        )
        return digest(body.encode())

    def push_version(self, repository: str, version: str, registry: Registry = HOME) -> dict[str, str]:
        """Pushes both platforms of a version, and returns their digests by architecture."""
        return {
            architecture: self.push(repository, f"{version}-{architecture}", architecture, registry)
            for architecture in ("amd64", "arm64")
        }

    def platforms(self, repository: str, tag: str, registry: Registry = HOME) -> dict[str, str] | None:
        """The digests of a manifest list by architecture, or nothing if the tag does not exist."""
        images = self._client(registry).batch_get_image(
            registryId=registry.account,
            repositoryName=repository,
            imageIds=[{"imageTag": tag}],
            acceptedMediaTypes=[INDEX],
        )["images"]
        if not images:
            return None
        manifests = json.loads(images[0]["imageManifest"])["manifests"]
        return {entry["platform"]["architecture"]: entry["digest"] for entry in manifests}

    def digests(self, repository: str, registry: Registry = HOME) -> dict[str, str]:
        """The digest that each tag of a repository names."""
        paginator = self._client(registry).get_paginator("describe_images")
        pages = paginator.paginate(registryId=registry.account, repositoryName=repository)
        images = [image for page in pages for image in page["imageDetails"]]
        return {tag: image["imageDigest"] for image in images for tag in image.get("imageTags", [])}

    def _create(self, registry: Registry, repository: str) -> None:
        client = self._client(registry)
        try:
            client.create_repository(registryId=registry.account, repositoryName=repository)
        except client.exceptions.RepositoryAlreadyExistsException:
            pass

    def _upload(self, registry: Registry, repository: str, media_type: str, content: bytes) -> dict[str, Any]:
        """Uploads a blob in one part unless it is there, and returns its descriptor."""
        client = self._client(registry)
        target = {"registryId": registry.account, "repositoryName": repository}
        upload = client.initiate_layer_upload(**target)["uploadId"]
        client.upload_layer_part(
            **target, uploadId=upload, partFirstByte=0, partLastByte=len(content) - 1, layerPartBlob=content
        )
        try:
            client.complete_layer_upload(**target, uploadId=upload, layerDigests=[digest(content)])
        except client.exceptions.LayerAlreadyExistsException:
            pass
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

    @cache
    def _client(self, registry: Registry) -> Any:
        # A request is answered or fails, and does not reach any proxy.
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        keys = {name.lower(): CREDENTIALS[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return boto3.client("ecr", endpoint_url=self.url, region_name=registry.region, config=config, **keys)


def digest(content: bytes) -> str:
    """The digest of a blob or a manifest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def local_program() -> list[str | Path]:
    """The command of the local ECR, which `.ci/tools.sh` builds, as a registry to push to."""
    return [ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "ecr-multiarch", "serve"]


@contextmanager
def local_ecr(folder: Path) -> Iterator[LocalEcr]:
    """Runs the local ECR on a free port."""
    folder.mkdir()
    command = [*local_program(), "--platforms", PLATFORMS]
    with running(command, folder / "local-ecr.log", CREDENTIALS) as started:
        [url] = eventually("the local ECR starts", lambda: re.findall(r"listens at (http://\S+)", started.output()))
        yield LocalEcr(url)
