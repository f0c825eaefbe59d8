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
        body = self._image(repository, tag, architecture, registry)
        self._put(registry, repository, MANIFEST, body, imageTag=tag)
        return digest(body.encode())

    def push_list(self, repository: str, tag: str) -> dict[str, str]:
        """Pushes a list of attested images in one go, as buildx does, and returns the digests of its images by
        architecture. The images have no tags."""
        self._create(HOME, repository)
        images, attestations, digests = [], [], {}
        for architecture in ("amd64", "arm64"):
            image = self._untagged(repository, f"{tag} {architecture}", architecture)
            digests[architecture] = image["digest"]
            images.append({**image, "platform": {"os": "linux", "architecture": architecture}})
            attestation = self._untagged(repository, f"provenance of {tag} {architecture}", "unknown")
            annotations = {
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image["digest"],
            }
            platform = {"os": "unknown", "architecture": "unknown"}
            attestations.append({**attestation, "platform": platform, "annotations": annotations})
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": images + attestations}
        self._put(HOME, repository, INDEX, json.dumps(index), imageTag=tag)
        return digests

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

    def repositories(self) -> list[str]:
        """The names of the repositories of the home registry."""
        pages = self._client(HOME).get_paginator("describe_repositories").paginate()
        return [repository["repositoryName"] for page in pages for repository in page["repositories"]]

    def _create(self, registry: Registry, repository: str) -> None:
        client = self._client(registry)
        try:
            client.create_repository(registryId=registry.account, repositoryName=repository)
        except client.exceptions.RepositoryAlreadyExistsException:
            pass

    def _image(self, repository: str, content: str, architecture: str, registry: Registry) -> str:
        """Uploads the blobs of an image with this content, and returns its manifest."""
        layer = f"{repository}:{content}".encode()
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
        return json.dumps(manifest)

    def _untagged(self, repository: str, content: str, architecture: str) -> dict[str, Any]:
        """Pushes an image without a tag, and returns its descriptor."""
        body = self._image(repository, content, architecture, HOME)
        self._put(HOME, repository, MANIFEST, body, imageDigest=digest(body.encode()))
        return {"mediaType": MANIFEST, "digest": digest(body.encode()), "size": len(body)}

    def _put(self, registry: Registry, repository: str, media_type: str, body: str, **reference: str) -> None:
        self._client(registry).put_image(
            registryId=registry.account,
            repositoryName=repository,
            imageManifest=body,
            imageManifestMediaType=media_type,
            **reference,
        )

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
