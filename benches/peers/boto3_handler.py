"""The peer: a Lambda handler that assembles a manifest list, as a platform team would write it with boto3.

For each push of `app:1.2.3-amd64` or `app:1.2.3-arm64` it reads both images and the current list in one call, and
writes the list if it is absent or names other images. With `CHECKS=true` it does what the function does besides: it
compares each image's config with the platform of its tag, and confirms the list by a read.
"""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor

import boto3
import urllib3

PLATFORMS = {
    "amd64": {"architecture": "amd64", "os": "linux"},
    "arm64": {"architecture": "arm64", "os": "linux"},
}
CHECKS = os.environ.get("CHECKS") == "true"

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"

ecr = boto3.client("ecr")
http = urllib3.PoolManager(maxsize=len(PLATFORMS))
executor = ThreadPoolExecutor(max_workers=len(PLATFORMS))


def handler(event, context):
    repository = event["detail"]["repository-name"]
    version, _, architecture = event["detail"]["image-tag"].rpartition("-")
    if not version or architecture not in PLATFORMS:
        return {"outcome": "ignored"}

    images = read_images(repository, [f"{version}-{name}" for name in PLATFORMS] + [version])
    current = images.pop(version, None)
    missing = [name for name in PLATFORMS if f"{version}-{name}" not in images]
    if missing:
        return {"outcome": "waiting", "missing": missing}

    entries = []
    for name, platform in PLATFORMS.items():
        image = images[f"{version}-{name}"]
        entries.append(
            {
                "mediaType": image["imageManifestMediaType"],
                "size": len(image["imageManifest"].encode()),
                "digest": image["imageId"]["imageDigest"],
                "platform": platform,
            }
        )
    if current and json.loads(current["imageManifest"]).get("manifests") == entries:
        return {"outcome": "unchanged", "digest": current["imageId"]["imageDigest"]}

    if CHECKS:
        manifests = [json.loads(images[f"{version}-{name}"]["imageManifest"]) for name in PLATFORMS]
        configs = executor.map(lambda manifest: read_config(repository, manifest["config"]["digest"]), manifests)
        for config, platform in zip(configs, PLATFORMS.values(), strict=True):
            if any(config.get(key) != value for key, value in platform.items()):
                raise ValueError(f"an image of {repository}:{version} is not for {platform}")

    media_type = DOCKER_LIST if all(entry["mediaType"] == DOCKER_MANIFEST for entry in entries) else OCI_INDEX
    manifest_list = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}, indent=3)
    try:
        image = ecr.put_image(
            repositoryName=repository,
            imageManifest=manifest_list,
            imageManifestMediaType=media_type,
            imageTag=version,
        )["image"]
    except ecr.exceptions.ImageAlreadyExistsException:
        return {"outcome": "unchanged"}
    digest = image["imageId"]["imageDigest"]
    if CHECKS:
        images = read_images(repository, [f"{version}-{name}" for name in PLATFORMS] + [version])
        digests = [images[f"{version}-{name}"]["imageId"]["imageDigest"] for name in PLATFORMS]
        if digests != [entry["digest"] for entry in entries] or images[version]["imageId"]["imageDigest"] != digest:
            raise RuntimeError(f"{repository}:{version} has changed meanwhile")
    return {"outcome": "published", "digest": digest}


def read_images(repository, tags):
    """The images and lists by tag, without those that do not exist."""
    images = ecr.batch_get_image(
        repositoryName=repository,
        imageIds=[{"imageTag": tag} for tag in tags],
        acceptedMediaTypes=[DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX],
    )["images"]
    return {image["imageId"]["imageTag"]: image for image in images}


def read_config(repository, digest):
    """The config of an image."""
    url = ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=digest)["downloadUrl"]
    content = http.request("GET", url, timeout=5.0).data
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise ValueError(f"the config {digest} is not what its digest says")
    return json.loads(content)
