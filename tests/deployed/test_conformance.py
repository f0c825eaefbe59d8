"""`ecr-multiarch conformance` against other models of ECR: it tells what they do differently, and leaves nothing behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.announcing import Announcing
from support.background import ROOT, environment, free_port, running
from support.emulator import CREDENTIALS, REGION, Emulator
from support.local_ecr import LocalEcr, local_program
from support.messages import Message
from support.relay import Ask, called
from support.stack import announce_push
from support.waiting import eventually

REPORTS = Path(os.environ.get("CONFORMANCE_REPORTS", os.devnull))
"""The folder for the reports, from which docs/observed.md is written."""


AS_EXPECTED = "as expected"

EVENTS = ["image-is-announced", "added-tag-is-announced", "list-is-announced"]
OPTIONS = {**dict.fromkeys(EVENTS, "events"), "thousand-tags": "many-tags", "throttling": "throttling"}
"""What is tried only with an option."""

MOTO, MINISTACK = 1, 2
"""The columns of docs/observed.md."""


def command() -> str:
    """The terminal program."""
    return str(local_program()[0])


def variables(url: str) -> dict[str, str]:
    """The environment of somebody whose ECR is at this address."""
    return environment({**CREDENTIALS, "AWS_REGION": REGION, "AWS_ENDPOINT_URL_ECR": url, "NO_PROXY": "127.0.0.1"})


def report(name: str, url: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the report of a run."""
    done = subprocess.run(
        [command(), "conformance", "--yes", "--json"], env=variables(url), capture_output=True, text=True, timeout=240
    )
    assert done.stdout, done.stderr
    if REPORTS.is_dir():
        (REPORTS / f"{name}.json").write_text(done.stdout)
    return done.returncode, json.loads(done.stdout)


def observed(column: int) -> dict[str, str]:
    """What docs/observed.md says of a system, by the identifiers of the assumptions."""
    text = (ROOT / "docs" / "observed.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[column] for row in rows}


def seen(report: dict[str, Any]) -> dict[str, str]:
    """What a report says, as docs/observed.md writes it."""
    findings = report["findings"]
    return {each["id"]: AS_EXPECTED if each["verdict"] == "as_expected" else each["seen"] for each in findings}


@pytest.fixture
def moto(folder: Path) -> Iterator[str]:
    """The address of moto's server."""
    port = free_port()
    program = Path(sys.executable).with_name("moto_server")
    with running([program, "-H", "127.0.0.1", "-p", str(port)], folder / "moto.log", CREDENTIALS):

        def is_up() -> bool:
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", port)) == 0

        eventually("moto starts", is_up)
        yield f"http://127.0.0.1:{port}"


def test_the_local_ecr_is_as_expected(ecr: LocalEcr) -> None:
    code, told = report("local-ecr", ecr.url)
    others = {name: text for name, text in seen(told).items() if text != AS_EXPECTED}
    assert (code, told["left_behind"]) == (0, [])
    assert others == {name: f"not tried: it needs --{option}" for name, option in OPTIONS.items()}


def test_deviations_of_moto_are_told(moto: str) -> None:
    code, told = report("moto", moto)
    assert (code, told["left_behind"]) == (1, [])
    found, expected = seen(told), observed(MOTO)
    # moto serves requests in parallel without a lock: whether a page shows a tag in the middle of a move is chance.
    assert expected.pop("page-is-one-read") == "at times fewer than 20 of 20 pages"
    assert re.fullmatch(rf"{AS_EXPECTED}|\d+ of 20 pages during 20 moves", found.pop("page-is-one-read"))
    assert found == expected


def test_deviations_of_the_emulator_are_told(aws: Emulator) -> None:
    code, told = report("ministack", aws.url)
    assert (code, told["left_behind"]) == (1, [])
    assert seen(told) == observed(MINISTACK)


class DetailedAnnouncing(Announcing):
    """Announces pushes to the emulator's EventBridge, with digest and media type as ECR states them."""

    def __init__(self, ecr: LocalEcr, aws: Emulator, **changes: str) -> None:
        super().__init__(ecr, lambda repository, tag: None)
        self.events = aws.client("events")
        self.changes = changes

    def answer(self, request: Message, ask: Ask) -> Message:
        response = super().answer(request, ask)
        if called(request).operation == "PutImage" and response.start.split()[1] == b"200":
            pushed, answered = json.loads(request.body), json.loads(response.body)
            detail = {
                "image-digest": answered["image"]["imageId"]["imageDigest"],
                "manifest-media-type": pushed["imageManifestMediaType"],
                **self.changes,
            }
            announce_push(self.events, pushed["repositoryName"], pushed.get("imageTag", ""), **detail)
        return response


@pytest.mark.parametrize("changes", [{}, {"manifest-media-type": "other"}], ids=["right", "wrong"])
def test_events_are_tried_with_consent(ecr: LocalEcr, aws: Emulator, tmp_path: Path, changes: dict[str, str]) -> None:
    announcing = DetailedAnnouncing(ecr, aws, **changes)
    done = subprocess.run(
        [command(), "conformance", "--yes", "--events", "--json"],
        cwd=tmp_path,
        env={**variables(announcing.url), "AWS_ENDPOINT_URL": aws.url},
        capture_output=True,
        text=True,
        timeout=300,
    )
    told = json.loads(done.stdout)
    found = {each["id"]: (each["verdict"], each["seen"]) for each in told["findings"] if each["id"] in EVENTS}
    verdict, text = ("differs", 'manifest-media-type is "other"') if changes else ("as_expected", "announced with ")
    assert all(found[name][0] == verdict and found[name][1].startswith(text) for name in EVENTS), found
    assert (done.returncode, told["left_behind"]) == (1 if changes else 0, [])
    assert not [rule for rule in aws.client("events").list_rules()["Rules"] if "conformance" in rule["Name"]]
    assert not aws.client("sqs").list_queues(QueueNamePrefix="ecr-multiarch-conformance").get("QueueUrls")


def test_it_asks_before_it_begins(ecr: LocalEcr) -> None:
    before = ecr.repositories()
    done = subprocess.run(
        [command(), "conformance"], env=variables(ecr.url), input="y\n", capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Begin? [y/N]" in done.stderr and "pass --yes" in done.stderr
    assert ecr.repositories() == before


def test_what_was_made_is_removed_after_ctrl_c(ecr: LocalEcr, tmp_path: Path) -> None:
    before = ecr.repositories()
    process = subprocess.Popen(
        [command(), "conformance", "--yes"],
        cwd=tmp_path,
        env=variables(ecr.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("as expected equal-bytes-add-a-tag")
        assert len(ecr.repositories()) == len(before) + 2
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, stderr) == (2, "interrupted\n")
    assert ecr.repositories() == before
    assert not (tmp_path / "conformance.json").exists()
