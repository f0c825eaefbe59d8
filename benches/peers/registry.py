"""The local ECR, the images that are pushed to it, and the lists that are read from it."""

import base64
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
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


class Registry:
    """A local ECR that runs, as its owner sees it: without TLS and without delay."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def call(self, operation: str, **parameters: Any) -> Any:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"AmazonEC2ContainerRegistry_V20150921.{operation}",
            "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/ecr/aws4_request",
        }
        self._connection.request("POST", "/", json.dumps(parameters), headers)
        response = self._connection.getresponse()
        body = json.loads(response.read())
        if response.status != 200:
            raise RuntimeError(f"{operation}: {body}")
        return body

    def create(self, repository: str) -> None:
        """Creates a repository with the layers that all images share."""
        self.call("CreateRepository", repositoryName=repository)
        for layer in layers():
            self._upload(repository, layer)

    def push(
        self, repository: str, version: str, architecture: str, image_format: ImageFormat = DOCKER
    ) -> dict[str, Any]:
        """Pushes an image of an architecture, and returns the event that ECR sends."""
        config = image_config(version, architecture)
        self._upload(repository, config)
        manifest = {
            "schemaVersion": 2,
            "mediaType": image_format.manifest,
            "config": descriptor(image_format.config, config),
            "layers": [descriptor(image_format.layer, layer) for layer in layers()],
        }
        body = json.dumps(manifest)
        tag = f"{version}-{architecture}"
        self.call(
            "PutImage",
            repositoryName=repository,
            imageManifest=body,
            imageManifestMediaType=image_format.manifest,
            imageTag=tag,
        )
        return push_event(repository, tag, digest(body.encode()), image_format.manifest)

    def push_version(self, repository: str, version: str, image_format: ImageFormat = DOCKER) -> dict[str, Any]:
        """Pushes both images of a version, and returns the event of the later one."""
        events = [self.push(repository, version, architecture, image_format) for architecture in ARCHITECTURES]
        return events[-1]

    def manifest_list(self, repository: str, version: str) -> str:
        """The bytes of the list that the version tag names."""
        images = self.call(
            "BatchGetImage",
            repositoryName=repository,
            imageIds=[{"imageTag": version}],
            acceptedMediaTypes=[DOCKER.manifest_list, OCI.manifest_list],
        )["images"]
        if not images:
            raise RuntimeError(f"{repository}:{version} does not exist")
        return str(images[0]["imageManifest"])

    def _upload(self, repository: str, content: bytes) -> None:
        upload = self.call("InitiateLayerUpload", repositoryName=repository)["uploadId"]
        self.call(
            "UploadLayerPart",
            repositoryName=repository,
            uploadId=upload,
            partFirstByte=0,
            partLastByte=len(content) - 1,
            layerPartBlob=base64.b64encode(content).decode(),
        )
        try:
            self.call("CompleteLayerUpload", repositoryName=repository, uploadId=upload, layerDigests=[digest(content)])
        except RuntimeError as error:
            if "LayerAlreadyExistsException" not in str(error):
                raise


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(content), "digest": digest(content)}


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
    with log.open("wb") as output:
        command = [str(program), "serve", "--tag-template", UNUSED_TEMPLATE]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={"HOME": os.devnull})
    try:
        deadline = time.monotonic() + 30
        while not (started := re.search(r"listens at (http://\S+)", log.read_text(errors="replace"))):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the local ECR does not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)
        yield Registry(started[1])
    finally:
        process.terminate()
        process.wait()
