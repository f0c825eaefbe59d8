"""The candidates: programs that make a manifest list of two images in a registry."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpu_share import CpuShare
from process import MeasuredProcess, Usage
from registry import ARCHITECTURES, DOCKER, OCI, ImageFormat
from support.runtime_api import Reply, RuntimeApi

HERE = Path(__file__).resolve().parent
# The docker CLI does without TLS where it pushes to the loopback interface. So it gets an address for documentation
# (RFC 5737), which it reaches by the relay as its proxy; nothing is sent to it.
DOCUMENTATION_ADDRESS = "192.0.2.1"


@dataclass(frozen=True)
class Endpoint:
    """How a candidate reaches the registry."""

    port: int
    bundle: Path
    """The certificate authorities that it trusts."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class LambdaCandidate:
    """A Lambda function."""

    name: str
    title: str
    command: Sequence[str | Path]
    environment: dict[str, str]
    version: str

    def start(self, endpoint: Endpoint, log: Path, share: CpuShare | None = None) -> "RunningFunction":
        """Starts the function, with nothing of this process's environment."""
        runtime = RuntimeApi()
        environment = {
            **self.environment,
            "PATH": os.defpath,
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            **runtime.variables,
            "AWS_ENDPOINT_URL_ECR": endpoint.url,
            # Where the SDKs and the TLS libraries look for certificate authorities.
            "AWS_CA_BUNDLE": str(endpoint.bundle),
            "SSL_CERT_FILE": str(endpoint.bundle),
        }
        return RunningFunction(runtime, MeasuredProcess(self.command, environment, log, share))


@dataclass(frozen=True)
class RunningFunction:
    """The process of a Lambda function, and its host. It ends with its context."""

    runtime: RuntimeApi
    process: MeasuredProcess

    def __enter__(self) -> "RunningFunction":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.end()
        self.runtime.close()

    def invoke(self, event: dict[str, Any], outcome: str) -> Reply:
        """Invokes the function, and checks its outcome."""
        reply = self.runtime.invoke(event)
        if reply.is_error or reply.body.get("outcome") != outcome:
            raise RuntimeError(f"{reply.body}, not {outcome}:\n{self.process.log.read_text(errors='replace')}")
        return reply


@dataclass(frozen=True)
class ToolCandidate:
    """A program of the command line, which a job of CI runs after the pushes."""

    name: str
    title: str
    version: str

    def run(
        self,
        endpoint: Endpoint,
        repository: str,
        version: str,
        log: Path,
        image_format: ImageFormat = DOCKER,
        *,
        with_memory: bool = False,
    ) -> Usage:
        """Makes the list as a fresh job does, without anything in the tool's own store."""
        with tempfile.TemporaryDirectory() as home:
            # As a login leaves it, without credentials: the local ECR asks for none.
            (Path(home) / "config.json").write_text("{}")
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": home,
                "DOCKER_CONFIG": home,
                "BUILDX_CONFIG": home,
                "SSL_CERT_FILE": str(endpoint.bundle),
                "HTTPS_PROXY": endpoint.proxy,
                # The relay serves no plain HTTP, so that a tool that falls back to it fails.
                "HTTP_PROXY": endpoint.proxy,
            }
            usages = [
                MeasuredProcess(command, environment, log).wait(with_memory=with_memory)
                for command in self.commands(repository, version, image_format, home)
            ]
        return Usage(
            sum(usage.seconds for usage in usages),
            sum(usage.cpu_seconds for usage in usages),
            max(usage.peak_mib for usage in usages),
        )

    def commands(self, repository: str, version: str, image_format: ImageFormat, home: str) -> list[list[str]]:
        target = f"{DOCUMENTATION_ADDRESS}/{repository}:{version}"
        images = [f"{target}-{architecture}" for architecture in ARCHITECTURES]
        is_docker = image_format == DOCKER
        match self.name:
            case "docker":
                return [["docker", "manifest", "create", target, *images], ["docker", "manifest", "push", target]]
            case "imagetools":
                return [["buildx", "imagetools", "create", "--tag", target, *images]]
            case "crane":
                sources = [part for image in images for part in ("--manifest", image)]
                base = ["--docker-empty-base"] if is_docker else []
                return [["crane", "index", "append", *base, *sources, "--tag", target]]
            case "regctl":
                sources = [part for image in images for part in ("--ref", image)]
                return [["regctl", "index", "create", "--media-type", image_format.manifest_list, *sources, target]]
            case "manifest-tool":
                platforms = ",".join(f"linux/{architecture}" for architecture in ARCHITECTURES)
                kind = ["--type", "docker" if is_docker else "oci"]
                names = ["--platforms", platforms, "--template", f"{target}-ARCH", "--target", target]
                return [["manifest-tool", "push", *kind, "from-args", *names]]
        formats = {DOCKER.name: "v2s2", OCI.name: "oci"}
        buildah = ["buildah", "--root", f"{home}/root", "--runroot", f"{home}/run", "--storage-driver", "vfs"]
        create = ["manifest", "create", "list", *(f"docker://{image}" for image in images)]
        # It does not go by the format of the images.
        push = ["manifest", "push", "--quiet", "--format", formats[image_format.name], "list", f"docker://{target}"]
        return [[*buildah, *create], [*buildah, *push]]


Candidate = LambdaCandidate | ToolCandidate


def candidates(function: Path) -> list[Candidate]:
    """The candidates of this machine. All of them are measured, or none is."""
    python = Path(sys.executable)
    bootstrap: list[str | Path] = [python, "-m", "awslambdaric", "boto3_handler.handler"]
    boto3 = {"PYTHONPATH": str(HERE), "LAMBDA_TASK_ROOT": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    packages = ", ".join(requirement("boto3") + requirement("awslambdaric") + [f"Python {sys.version.split()[0]}"])
    platforms = {"PLATFORMS": "linux/amd64,linux/arm64"}
    tools = ("docker", "buildah", "buildx", "crane", "regctl", "manifest-tool")
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        sys.exit(f"missing: {' and '.join(missing)}. benches/peers/run installs or builds them")
    return [
        LambdaCandidate("function", "the function", [function], platforms, f"{function.stat().st_size:,} bytes"),
        LambdaCandidate("boto3", "boto3 handler", bootstrap, boto3, packages),
        LambdaCandidate(
            "boto3-checks", "boto3 handler with the function's checks", bootstrap, {**boto3, "CHECKS": "true"}, packages
        ),
        ToolCandidate("docker", "docker manifest create, push", tool_version("docker", "--version")),
        ToolCandidate("buildah", "buildah manifest create, push", tool_version("buildah", "--version")),
        ToolCandidate("imagetools", "docker buildx imagetools create", built_version("buildx")),
        ToolCandidate("crane", "crane index append", built_version("crane")),
        ToolCandidate("regctl", "regctl index create", built_version("regctl")),
        ToolCandidate("manifest-tool", "manifest-tool push from-args", built_version("manifest-tool")),
    ]


def requirement(package: str) -> list[str]:
    """The pinned version of a package of the peers."""
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return [line.replace("==", " ") for line in lines if line.startswith(f"{package}==")]


def built_version(tool: str) -> str:
    """The version of a program that was built with Go, of which not all know their own: its folder is named after it."""
    path = shutil.which(tool)
    return Path(path or tool).parent.name.rpartition("-v")[2]


def tool_version(*command: str) -> str:
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    version = re.search(r"\d+\.\d+\.\d+", output)
    return version[0] if version else output.strip()
