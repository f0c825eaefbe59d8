"""The events of the sweep, and their schema."""

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from support.background import ROOT
from support.events import sweep_events

SCHEMA = json.loads((ROOT / "events" / "sweep" / "schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
EVENTS = {name: json.loads(text) for name, text in sweep_events().items()}


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", EVENTS)
def test_an_example_is_valid_and_its_fields_are_described(name: str) -> None:
    event = EVENTS[name]
    assert [error.message for error in VALIDATOR.iter_errors(event)] == []
    [kind] = [kind for kind in SCHEMA["oneOf"] if kind["properties"]["detail-type"]["const"] == event["detail-type"]]
    described = SCHEMA["$defs"]["entry"]["properties"] | kind["properties"]["detail"]["properties"]
    assert event["detail"].keys() <= described.keys()
    assert event.keys() == SCHEMA["properties"].keys() | {"detail-type", "detail"}


def test_the_examples_show_every_kind() -> None:
    kinds = {kind["properties"]["detail-type"]["const"] for kind in SCHEMA["oneOf"]}
    assert {event["detail-type"] for event in EVENTS.values()} == kinds


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("incomplete", {"first": None}),
        ("incomplete", {"missing": []}),
        ("incomplete", {"missing": "linux/amd64"}),
        ("incomplete", {"since": "2026-06-02T09:10:11.5Z"}),
        ("incomplete", {"since": "2026-06-02T09:10:11+02:00"}),
        ("incomplete", {"version": None}),
        ("failed", {"repository": None}),
        ("failed", {"account": 123456789012}),
        ("alias-conflict", {"reason": None}),
        ("alias-conflict", {"repository": None}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else value,
)
def test_another_value_is_invalid(name: str, change: dict[str, Any]) -> None:
    event = copy.deepcopy(EVENTS[name])
    event["detail"] |= change
    assert not VALIDATOR.is_valid(event)


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name in ("incomplete", "failed", "alias-conflict") for field in EVENTS[name]["detail"]],
)
def test_an_entry_without_a_field_is_invalid(name: str, field: str) -> None:
    event = copy.deepcopy(EVENTS[name])
    del event["detail"][field]
    assert not VALIDATOR.is_valid(event)
