"""Calls the local ECR through boto3, which checks requests, and checks every response against boto3's model of the API.

What the local ECR answers and refuses is tested beside it. The argument is the endpoint. Writes nothing where all checks
pass.
"""

import hashlib
import json
import sys
import urllib.request

import boto3
from botocore.config import Config

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
TYPES = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "timestamp": (int, float),
    "blob": str,
    "float": float,
    "double": float,
}


def connect(endpoint):
    ecr = boto3.client(
        "ecr",
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    ecr.meta.events.register("before-parse.ecr", check_response)
    return ecr


def check_response(operation_model, response_dict, **_):
    if response_dict["status_code"] < 300:
        check_shape(operation_model.output_shape, json.loads(response_dict["body"]), operation_model.name)


def check_shape(shape, value, path):
    """Checks that a response has only fields of its shape, each of the right type."""
    assert isinstance(value, TYPES[shape.type_name]), f"{path} is {value!r}, not {shape.type_name}"
    if shape.type_name == "structure":
        for name, member in value.items():
            assert name in shape.members, f"{path} has no {name}"
            check_shape(shape.members[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for member in value:
            check_shape(shape.member, member, f"{path}[]")
    elif shape.type_name == "string" and shape.enum:
        assert value in shape.enum, f"{path} is {value}, not one of {shape.enum}"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def upload(ecr, repository, data):
    """Uploads a blob in two parts."""
    upload_id = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
    middle = len(data) // 2
    for first, last in ((0, middle - 1), (middle, len(data) - 1)):
        part = ecr.upload_layer_part(
            repositoryName=repository,
            uploadId=upload_id,
            partFirstByte=first,
            partLastByte=last,
            layerPartBlob=data[first : last + 1],
        )
        assert part["lastByteReceived"] == last
    done = ecr.complete_layer_upload(repositoryName=repository, uploadId=upload_id, layerDigests=[digest_of(data)])
    assert done["layerDigest"] == digest_of(data)


def upload_image(ecr, repository, number):
    """Uploads the blobs of an image and returns its manifest and config."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "number": number}).encode()
    layer = f"layer {number}".encode()
    for blob in (config, layer):
        upload(ecr, repository, blob)
    descriptors = [
        {"mediaType": media_type, "size": len(blob), "digest": digest_of(blob)}
        for media_type, blob in ((DOCKER_CONFIG, config), (DOCKER_LAYER, layer))
    ]
    manifest = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": descriptors[0], "layers": descriptors[1:]}
    return json.dumps(manifest), config


def check_repositories(ecr):
    ecr.create_repository(repositoryName="app", imageTagMutability="MUTABLE")
    for number in range(12):
        ecr.create_repository(repositoryName=f"team/app-{number}")
    pages = list(ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["repositories"]) for page in pages] == [5, 5, 3]
    token = ecr.get_authorization_token()["authorizationData"][0]
    assert token["authorizationToken"] and token["proxyEndpoint"]
    try:
        ecr.describe_repositories(repositoryNames=["other"])
        raise AssertionError("boto3 has met no error")
    except ecr.exceptions.RepositoryNotFoundException:
        pass


def check_image(ecr):
    manifest, config = upload_image(ecr, "app", 0)
    digest = digest_of(manifest.encode())
    put = {"repositoryName": "app", "imageManifest": manifest, "imageManifestMediaType": DOCKER_MANIFEST}
    stored = ecr.put_image(imageTag="1", imageDigest=digest, **put)["image"]
    assert stored["imageId"] == {"imageDigest": digest, "imageTag": "1"}

    layers = [json.loads(manifest)["layers"][0]["digest"], "sha256:" + "0" * 64]
    available = ecr.batch_check_layer_availability(repositoryName="app", layerDigests=layers)["layers"]
    assert {layer["layerAvailability"] for layer in available} == {"AVAILABLE", "UNAVAILABLE"}
    url = ecr.get_download_url_for_layer(repositoryName="app", layerDigest=digest_of(config))["downloadUrl"]
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
        assert answer.read() == config

    ids = [{"imageTag": "1"}, {"imageTag": "absent"}]
    got = ecr.batch_get_image(repositoryName="app", imageIds=ids, acceptedMediaTypes=[DOCKER_MANIFEST])
    assert [found["imageManifest"] for found in got["images"]] == [manifest]
    assert [failure["failureCode"] for failure in got["failures"]] == ["ImageNotFound"]
    [detail] = ecr.describe_images(repositoryName="app", imageIds=[{"imageTag": "1"}])["imageDetails"]
    assert detail["imageDigest"] == digest
    return digest, len(manifest)


def check_list(ecr, digest, size):
    platform = {"architecture": "amd64", "os": "linux"}
    entry = {"mediaType": DOCKER_MANIFEST, "size": size, "digest": digest, "platform": platform}
    document = json.dumps({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [entry]})
    ecr.put_image(repositoryName="app", imageTag="list", imageManifest=document)
    got = ecr.batch_get_image(
        repositoryName="app", imageIds=[{"imageTag": "list"}], acceptedMediaTypes=[DOCKER_LIST, DOCKER_MANIFEST]
    )
    assert got["images"][0]["imageManifestMediaType"] == DOCKER_LIST
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    deleted = ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "list"}, {"imageTag": "absent"}])
    assert [found["imageTag"] for found in deleted["imageIds"]] == ["list"]
    assert [failure["failureCode"] for failure in deleted["failures"]] == ["ImageNotFound"]


def check_pages(ecr):
    repository = "team/app-0"
    for number in range(105):
        manifest, _ = upload_image(ecr, repository, number)
        parameters = {"imageTag": f"tag-{number}"} if number % 5 else {}
        ecr.put_image(repositoryName=repository, imageManifest=manifest, **parameters)

    def sizes(operation, key, page_size=None, **parameters):
        paginated = ecr.get_paginator(operation).paginate(
            repositoryName=repository, PaginationConfig={"PageSize": page_size}, **parameters
        )
        return [len(page[key]) for page in paginated]

    assert sizes("list_images", "imageIds") == [100, 5]
    assert sizes("list_images", "imageIds", 1000, filter={"tagStatus": "UNTAGGED"}) == [21]
    assert sizes("describe_images", "imageDetails", 40, filter={"tagStatus": "TAGGED"}) == [40, 40, 4]


def main():
    ecr = connect(sys.argv[1])
    check_repositories(ecr)
    check_list(ecr, *check_image(ecr))
    check_pages(ecr)


main()
