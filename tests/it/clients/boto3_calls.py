"""Calls the local ECR through boto3, which checks requests, and checks every response against boto3's model of the API.

The argument is the endpoint. Writes nothing where all checks pass.
"""

import datetime
import hashlib
import json
import sys
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
ACCOUNT = "123456789012"
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


def assert_refused(code, call, **parameters):
    try:
        answer = call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"expected {code}, got {error}"
        return error.response
    raise AssertionError(f"expected {code}, got {answer}")


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
    created = ecr.create_repository(repositoryName="app", imageTagMutability="MUTABLE")["repository"]
    assert created["repositoryArn"] == f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/app"
    assert isinstance(created["createdAt"], datetime.datetime)
    assert_refused("RepositoryAlreadyExistsException", ecr.create_repository, repositoryName="app")
    assert_refused("InvalidParameterException", ecr.create_repository, repositoryName="App")
    assert_refused("RepositoryNotFoundException", ecr.describe_repositories, repositoryNames=["other"])
    assert_refused("RepositoryNotFoundException", ecr.list_images, repositoryName="other")
    for number in range(12):
        ecr.create_repository(repositoryName=f"team/app-{number}")
    pages = list(ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 5}))
    names = [repository["repositoryName"] for page in pages for repository in page["repositories"]]
    assert [len(page["repositories"]) for page in pages] == [5, 5, 3]
    assert sorted(names) == sorted(["app"] + [f"team/app-{number}" for number in range(12)])
    token = ecr.get_authorization_token()["authorizationData"][0]
    assert token["authorizationToken"] and token["proxyEndpoint"]


def check_image(ecr):
    manifest, config = upload_image(ecr, "app", 0)
    digest = digest_of(manifest.encode())
    put = {"repositoryName": "app", "imageManifest": manifest, "imageManifestMediaType": DOCKER_MANIFEST}
    wrong = "sha256:" + "0" * 64
    assert_refused("ImageDigestDoesNotMatchException", ecr.put_image, imageTag="1", imageDigest=wrong, **put)
    assert_refused("InvalidParameterException", ecr.put_image, **(put | {"imageManifest": "{"}))
    stored = ecr.put_image(imageTag="1", imageDigest=digest, **put)["image"]
    assert stored["imageId"] == {"imageDigest": digest, "imageTag": "1"}
    assert_refused("ImageAlreadyExistsException", ecr.put_image, imageTag="1", **put)
    ecr.put_image(imageTag="2", **put)

    layers = [json.loads(manifest)["layers"][0]["digest"], wrong]
    available = ecr.batch_check_layer_availability(repositoryName="app", layerDigests=layers)["layers"]
    assert {layer["layerDigest"]: layer["layerAvailability"] for layer in available} == {
        layers[0]: "AVAILABLE",
        layers[1]: "UNAVAILABLE",
    }
    url = ecr.get_download_url_for_layer(repositoryName="app", layerDigest=digest_of(config))["downloadUrl"]
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
        assert answer.read() == config
    assert_refused("LayersNotFoundException", ecr.get_download_url_for_layer, repositoryName="app", layerDigest=wrong)

    ids = [{"imageTag": "1"}, {"imageTag": "absent"}, {"imageDigest": wrong}]
    got = ecr.batch_get_image(repositoryName="app", imageIds=ids, acceptedMediaTypes=[DOCKER_MANIFEST])
    assert [(found["imageManifest"], found["imageManifestMediaType"]) for found in got["images"]] == [
        (manifest, DOCKER_MANIFEST)
    ]
    assert {failure["failureCode"] for failure in got["failures"]} == {"ImageNotFound"}
    assert len(got["failures"]) == 2

    detail = ecr.describe_images(repositoryName="app", imageIds=[{"imageTag": "2"}])["imageDetails"][0]
    assert sorted(detail["imageTags"]) == ["1", "2"] and detail["imageDigest"] == digest
    assert detail["imageManifestMediaType"] == DOCKER_MANIFEST and detail["artifactMediaType"] == DOCKER_CONFIG
    assert detail["imageSizeInBytes"] > 0 and isinstance(detail["imagePushedAt"], datetime.datetime)
    assert_refused("ImageNotFoundException", ecr.describe_images, repositoryName="app", imageIds=[{"imageTag": "absent"}])
    return digest, len(manifest)


def check_list(ecr, digest, size):
    entry = {
        "mediaType": DOCKER_MANIFEST,
        "size": size,
        "digest": digest,
        "platform": {"architecture": "amd64", "os": "linux"},
    }
    absent = entry | {"digest": "sha256:" + "1" * 64}
    features = entry | {"platform": entry["platform"] | {"os.features": ["win32k"]}}

    def put(tag, *entries):
        document = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": entries}
        return {"repositoryName": "app", "imageTag": tag, "imageManifest": json.dumps(document)}

    assert_refused("ReferencedImagesNotFoundException", ecr.put_image, **put("list", entry, absent))
    assert_refused("InvalidParameterException", ecr.put_image, **put("list", features))
    ecr.put_image(**put("list", entry))
    got = ecr.batch_get_image(
        repositoryName="app", imageIds=[{"imageTag": "list"}], acceptedMediaTypes=[DOCKER_LIST, DOCKER_MANIFEST]
    )
    assert got["images"][0]["imageManifestMediaType"] == DOCKER_LIST
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    assert_refused("ImageTagAlreadyExistsException", ecr.put_image, **put("list", entry, entry))
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="MUTABLE")
    deleted = ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageDigest": digest}])
    assert [failure["failureCode"] for failure in deleted["failures"]] == ["ImageReferencedByManifestList"]
    deleted = ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "list"}, {"imageTag": "absent"}])
    assert [found["imageTag"] for found in deleted["imageIds"]] == ["list"]
    assert [failure["failureCode"] for failure in deleted["failures"]] == ["ImageNotFound"]


def check_pages(ecr):
    repository = "team/app-0"
    digests = []
    for number in range(105):
        manifest, _ = upload_image(ecr, repository, number)
        parameters = {"imageTag": f"tag-{number}"} if number % 5 else {}
        put = ecr.put_image(repositoryName=repository, imageManifest=manifest, **parameters)
        digests.append(put["image"]["imageId"]["imageDigest"])

    def all_of(operation, key, page_size=None, **parameters):
        paginated = ecr.get_paginator(operation).paginate(
            repositoryName=repository, PaginationConfig={"PageSize": page_size}, **parameters
        )
        found = [page[key] for page in paginated]
        return [len(page) for page in found], [row for page in found for row in page]

    sizes, rows = all_of("list_images", "imageIds")
    assert sizes == [100, 5] and {row["imageDigest"] for row in rows} == set(digests)
    sizes, rows = all_of("list_images", "imageIds", 1000, filter={"tagStatus": "UNTAGGED"})
    assert sizes == [21] and not any("imageTag" in row for row in rows)
    sizes, rows = all_of("describe_images", "imageDetails", 40, filter={"tagStatus": "TAGGED"})
    assert sizes == [40, 40, 4] and len({row["imageDigest"] for row in rows}) == 84
    assert_refused("InvalidParameterException", ecr.list_images, repositoryName=repository, maxResults=1001)


def check_requests(ecr):
    """boto3 itself refuses invalid parameters; the server refuses too many identifiers."""
    for parameters in ({}, {"repositoryName": "app"}, {"repositoryName": "app", "imageIds": "all"}):
        try:
            ecr.batch_get_image(**parameters)
        except ParamValidationError:
            continue
        raise AssertionError(f"boto3 sent {parameters}")
    ids = [{"imageTag": str(number)} for number in range(101)]
    assert_refused("InvalidParameterException", ecr.batch_get_image, repositoryName="app", imageIds=ids)


def main():
    ecr = connect(sys.argv[1])
    check_repositories(ecr)
    check_list(ecr, *check_image(ecr))
    check_pages(ecr)
    check_requests(ecr)


main()
