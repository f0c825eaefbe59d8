"""The local ECR, the images that are pushed to it, and the lists that are read from it."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.background import running
from support.emulator import CREDENTIALS
from support.local_ecr import LocalEcr, digest
from support.registry import HOME
from support.waiting import eventually

ARCHITECTURES = ("amd64", "arm64")
# A tag template that no tag here matches, so that the function within the program publishes nothing.
UNUSED_TEMPLATE = "unused-{version}-{platform}"


@dataclass(frozen=True)
class ImageFormat:
    """The media types of images and their lists."""

    name: str
    manifest: str
    config: str
    layer: str
    manifest_list: str


DOCKER = ImageFormat(
    "Docker",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
OCI = ImageFormat(
    "OCI",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.index.v1+json",
)
# As many as an image of a language's base image and an application has.
LAYERS = 8


class Registry(LocalEcr):
    """A local ECR that runs, as its owner sees it: without TLS and without delay."""

    def create(self, repository: str) -> None:
        """Creates a repository with the layers that all images share."""
        self._create(HOME, repository)
        for layer in layers():
            self._upload(HOME, repository, OCI.layer, layer)

    def push_image(
        self, repository: str, version: str, architecture: str, image_format: ImageFormat = DOCKER
    ) -> dict[str, Any]:
        """Pushes an image of an architecture, and returns the event that ECR sends."""
        config = self._upload(HOME, repository, image_format.config, image_config(version, architecture))
        body = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": image_format.manifest,
                "config": config,
                "layers": [
                    {"mediaType": image_format.layer, "digest": digest(layer), "size": len(layer)} for layer in layers()
                ],
            }
        )
        tag = f"{version}-{architecture}"
        self._client(HOME).put_image(
            repositoryName=repository,
            imageManifest=body,
            imageManifestMediaType=image_format.manifest,
            imageTag=tag,
        )
        return push_event(repository, tag, digest(body.encode()), image_format.manifest)

    def push_images(self, repository: str, version: str, image_format: ImageFormat = DOCKER) -> dict[str, Any]:
        """Pushes both images of a version, and returns the event of the later one."""
        events = [self.push_image(repository, version, architecture, image_format) for architecture in ARCHITECTURES]
        return events[-1]

    def manifest_list(self, repository: str, version: str) -> str:
        """The bytes of the list that the version tag names."""
        images = self._client(HOME).batch_get_image(
            repositoryName=repository,
            imageIds=[{"imageTag": version}],
            acceptedMediaTypes=[DOCKER.manifest_list, OCI.manifest_list],
        )["images"]
        if not images:
            raise RuntimeError(f"{repository}:{version} does not exist")
        return str(images[0]["imageManifest"])


def layers() -> list[bytes]:
    return [f"layer {number}".encode() for number in range(LAYERS)]


def image_config(version: str, architecture: str) -> bytes:
    """A config of the usual size: environment, labels, and a line of history for each layer."""
    command = "RUN /bin/sh -c set -eux; apt-get update; apt-get install -y --no-install-recommends ca-certificates; "
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", f"APP_VERSION={version}"],
            "Cmd": ["/usr/local/bin/app", "serve"],
            "Labels": {"org.opencontainers.image.version": version, "org.opencontainers.image.revision": "7c4e1d0"},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers()]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": command * 2} for _ in layers()],
    }
    return json.dumps(config).encode()


def push_event(repository: str, tag: str, image_digest: str, media_type: str) -> dict[str, Any]:
    """A push event as EventBridge delivers it."""
    return {
        "version": "0",
        "id": "13cde686-328b-6117-af20-0e5566167482",
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": "123456789012",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "result": "SUCCESS",
            "repository-name": repository,
            "image-digest": image_digest,
            "action-type": "PUSH",
            "image-tag": tag,
            "manifest-media-type": media_type,
        },
    }


@contextmanager
def local_ecr(program: Path, log: Path) -> Iterator[Registry]:
    """Runs the local ECR on a free port."""
    with running([program, "serve", "--tag-template", UNUSED_TEMPLATE], log, CREDENTIALS) as started:
        [url] = eventually("the local ECR starts", lambda: re.findall(r"listens at (http://\S+)", started.output()))
        yield Registry(url)
