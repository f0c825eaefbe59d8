"""Runs moto's model of AWS, with the blobs that moto's ECR lacks, until standard input ends.

The first line of standard input is what moto holds from the start: {"images": [{"repository": "app", "tag": "1" or
null, "digest": "sha256:…", "media_type": "…", "manifest": "…"}], "blobs": ["…"]}. The address is written to standard
error.
"""

import hashlib
import json
import sys

import boto3
import moto.server
from botocore.config import Config
from moto.core.responses import ActionResult
from moto.ecr.responses import ECRResponse

BUCKET = "blobs"

server = moto.server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)


def url():
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def get_download_url_for_layer(self):
    """The one operation that the function calls and moto lacks: the blobs are in moto's S3."""
    digest = self._get_param("layerDigest")
    return ActionResult({"downloadUrl": f"{url()}/{BUCKET}/{digest}", "layerDigest": digest})


def client(service):
    return boto3.client(
        service,
        endpoint_url=url(),
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    )


def fill(content):
    ecr, s3 = client("ecr"), client("s3")
    for repository in sorted({image["repository"] for image in content["images"]}):
        ecr.create_repository(repositoryName=repository)
    for image in content["images"]:
        tag = {"imageTag": image["tag"]} if image["tag"] else {}
        ecr.put_image(
            repositoryName=image["repository"],
            imageManifest=image["manifest"],
            imageManifestMediaType=image["media_type"],
            imageDigest=image["digest"],
            **tag,
        )
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for blob in map(str.encode, content["blobs"]):
        s3.put_object(Bucket=BUCKET, Key="sha256:" + hashlib.sha256(blob).hexdigest(), Body=blob, ACL="public-read")


ECRResponse.get_download_url_for_layer = get_download_url_for_layer
server.start()
fill(json.loads(sys.stdin.readline()))
print(f"listening on {url()}", file=sys.stderr, flush=True)
sys.stdin.read()
server.stop()
