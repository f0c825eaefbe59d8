"""The programs of a machine that cannot be here: there is no engine of containers, no cluster, and no Buildkite.

    python stubs.py PROGRAM ARGUMENT...

Each run is recorded in the file STUB_JOURNAL. `docker buildx build --push` pushes an image of new bytes to the local
ECR. STUB_FAULT says what happens to it: `fails` breaks off before the push; `races` lets another run push the same tag
first. `aws` is the real AWS CLI.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

DEPLOYED = Path(__file__).resolve().parents[1] / "deployed"
OIDC_TOKEN = "STUB_OIDC_TOKEN"


def main() -> None:
    program, *arguments = sys.argv[1:]
    if program == "aws":
        record(program, arguments, role=os.environ.get("AWS_ROLE_ARN"))
        command = os.environ["STUB_AWS"]
        os.execv(command, [command, *arguments])
    elif program == "docker":
        docker(arguments)
    elif program == "buildkite-agent":
        record(program, arguments)
        if arguments != ["oidc", "request-token", "--audience", "sts.amazonaws.com"]:
            refuse(program, arguments)
        print(os.environ[OIDC_TOKEN])
    elif program == "apk":
        record(program, arguments)
        if arguments != ["add", "--no-cache", "aws-cli"]:
            refuse(program, arguments)
    else:
        record(program, arguments)


def docker(arguments: list[str]) -> None:
    """Docker's command, as far as the recipes need it."""
    if arguments[:1] == ["login"]:
        password = sys.stdin.read().strip()
        if arguments[1:-1] != ["--username", "AWS", "--password-stdin"] or not password:
            refuse("docker", arguments)
        record("docker login", arguments)
        logins().write_text(arguments[-1])
    elif arguments[:2] == ["buildx", "build"]:
        build(arguments[2:])
    else:
        refuse("docker", arguments)


def build(arguments: list[str]) -> None:
    """Builds an image and pushes it, as Docker does on a machine without emulation."""
    parser = argparse.ArgumentParser(prog="docker buildx build", allow_abbrev=False)
    parser.add_argument("--push", action="store_true", required=True)
    parser.add_argument("--platform", default=f"linux/{os.environ['STUB_ARCHITECTURE']}")
    parser.add_argument("--tag", action="append", required=True)
    parser.add_argument("--label", action="append", default=[])
    parser.add_argument("--provenance")
    parser.add_argument("context", choices=["."])
    options = parser.parse_args(arguments)
    record("docker build", arguments, tags=options.tag, labels=options.label, platform=options.platform)

    context = sorted(os.listdir())
    if context != ["Dockerfile", "ci"]:
        sys.exit(f"docker: the image could contain what the job has written to the checkout: {context}")
    if options.platform != f"linux/{os.environ['STUB_ARCHITECTURE']}":
        sys.exit(f"docker: this machine cannot run {options.platform}")
    if os.environ["STUB_FAULT"] == "fails":
        sys.exit("docker: failed to push")
    for name in options.tag:
        host, _, rest = name.partition("/")
        if not logins().exists() or logins().read_text() != host:
            sys.exit(f"docker: no basic auth credentials for {host}")
        repository, _, tag = rest.rpartition(":")
        push(repository, tag, dict(label.split("=", 1) for label in options.label))


def push(repository: str, tag: str, labels: dict[str, str]) -> None:
    """Pushes an image of new bytes, since builds are not reproducible."""
    sys.path.insert(0, str(DEPLOYED))
    import botocore.exceptions
    from local_ecr import LocalEcr

    ecr = LocalEcr(os.environ["STUB_ECR"])
    architecture = os.environ["STUB_ARCHITECTURE"]
    if os.environ["STUB_FAULT"] == "races":
        ecr.push(repository, tag, architecture, labels={**labels, "build": os.urandom(8).hex()})
    try:
        ecr.push(repository, tag, architecture, labels={**labels, "build": os.urandom(8).hex()})
    except botocore.exceptions.ClientError as error:
        sys.exit(f"docker: failed to push {repository}:{tag}: {error}")


def logins() -> Path:
    """The registry that this machine is logged in to."""
    return Path(os.environ["HOME"]) / "docker-login"


def record(program: str, arguments: list[str], **more: object) -> None:
    """Adds a line to the journal, in one write, since jobs run at the same time."""
    line = json.dumps({"program": program, "arguments": arguments, **more}) + "\n"
    descriptor = os.open(os.environ["STUB_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def refuse(program: str, arguments: list[str]) -> NoReturn:
    sys.exit(f"{program}: unexpected arguments: {arguments}")


if __name__ == "__main__":
    main()
