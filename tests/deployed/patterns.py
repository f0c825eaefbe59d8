"""The events of `events/` that an event pattern matches, by the emulator's matcher."""

import json

from support.background import ROOT
from support.emulator import Emulator

PUSHES = {
    "push-amd64",
    "push-arm64",
    "push-attested",
    "push-chart",
    "push-minimal",
    "push-own-list",
    "push-signature",
    "push-soci-index",
}
"""The successful pushes of tagged images to the repository `app` in the account and Region of the emulator."""


def matched(aws: Emulator, pattern: str) -> set[str]:
    """The events of ECR in `events/` that a pattern matches, by the names of their files."""
    events = aws.client("events")
    files = {path.stem: path.read_text() for path in (ROOT / "events").glob("*.json")}
    # The other files are requests.
    of_ecr = {name: text for name, text in files.items() if "source" in json.loads(text)}
    assert PUSHES < of_ecr.keys()
    answers = {name: events.test_event_pattern(EventPattern=pattern, Event=text) for name, text in of_ecr.items()}
    return {name for name, answer in answers.items() if answer["Result"]}
