"""The events of `events/` that an event pattern matches, by the emulator's matcher."""

from support.emulator import Emulator
from support.events import ecr_events


def matched(aws: Emulator, pattern: str) -> set[str]:
    """The events of ECR that a pattern matches, by the names of their files."""
    events = aws.client("events")
    answers = {
        name: events.test_event_pattern(EventPattern=pattern, Event=text) for name, text in ecr_events().items()
    }
    return {name for name, answer in answers.items() if answer["Result"]}
