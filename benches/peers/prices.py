"""What Lambda charges for a million pushes."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MILLION = 1_000_000
# Two images make a version. Of a million pushes, every other one completes a version, whose list is one push more.
EVENTS_PER_PUSH = {"waiting_ms": 0.5, "publish_ms": 0.5, "ignored_ms": 0.5}


@dataclass(frozen=True)
class Prices:
    """The list prices, with their source and date."""

    source: str
    date: str
    architecture: str
    usd_per_gb_second: float
    usd_per_million_requests: float

    @classmethod
    def read(cls) -> "Prices":
        return cls(**json.loads((Path(__file__).parent / "prices.json").read_text()))

    def of_million_pushes(self, row: dict[str, Any], *, is_cold: bool = False) -> float:
        """The price if each event is an invocation of its own, in a warm environment or each in a new one."""
        milliseconds = 0.0
        for kind, share in EVENTS_PER_PUSH.items():
            duration: float = row[kind]
            if is_cold:
                # A new environment opens its connections with its first event; an ignored one needs none.
                opening = 0 if kind == "ignored_ms" else row["cold_publish_ms"] - row["publish_ms"]
                duration += row["start_ms"] + opening
            # Lambda rounds each duration up to the millisecond.
            milliseconds += share * math.ceil(duration)
        memory_mb: int = row["memory_mb"]
        gb_seconds = MILLION * milliseconds / 1_000 * memory_mb / 1_024
        requests = sum(EVENTS_PER_PUSH.values())
        return gb_seconds * self.usd_per_gb_second + requests * self.usd_per_million_requests
