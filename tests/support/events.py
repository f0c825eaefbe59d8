"""The events of `events/`, as EventBridge delivers them."""

import json

from support.background import ROOT

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


def _events(folder: str) -> dict[str, str]:
    files = {path.stem: path.read_text() for path in (ROOT / folder).glob("*.json")}
    # The other files are requests and the schema.
    return {name: text for name, text in files.items() if "source" in json.loads(text)}


def ecr_events() -> dict[str, str]:
    """Those that ECR sends, by the names of their files."""
    events = _events("events")
    assert PUSHES < events.keys()
    return events


def sweep_events() -> dict[str, str]:
    """Those that the sweep puts, by the names of their files."""
    events = _events("events/sweep")
    assert {"incomplete", "failed", "alias-conflict"} < events.keys()
    return events
