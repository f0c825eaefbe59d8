"""Waiting for a condition, up to a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

INTERVAL = 0.1


def eventually(what: str, condition: Callable[[], Result], seconds: float = 30) -> Result:
    """The first result of the condition that is true. Fails with the last one after the deadline."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} seconds: {what}; last: {result!r}")
        time.sleep(INTERVAL)
    return result
