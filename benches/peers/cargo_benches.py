"""The benchmarks of cargo: their rows, as they print them."""

import os
import re
import subprocess
from typing import Any

from support.background import ROOT

# The numbers of versions of a burst. The one that the benchmark takes by itself is measured with image tags, with an
# outage, and with asynchronous invocations, too.
VERSIONS = (75, 150, 300, 600)
DEFAULT_VERSIONS = 300

BURST_ROW = re.compile(
    r"^ *(?P<delivery>\S.*?) +(?P<versions>\d+) +(?P<published>\d+) +(?P<seconds>[\d.]+) +(?P<floor>[\d.]+)"
    r" +(?P<puts>\d+) +(?P<throttled>\d+) +(?P<dead>\d+)$",
    re.MULTILINE,
)
SWEEP_ROW = re.compile(
    r"^ *(?P<repositories>\d+) +(?P<versions>\d+) +(?P<state>\S.*?) +(?P<seconds>[\d.]+) +(?P<peak_mib>[\d.]+)"
    r" +(?P<published>\d+) +(?P<failed>\d+)  (?P<calls>.*)$",
    re.MULTILINE,
)


def burst() -> dict[str, Any]:
    """The rows of bursts of several sizes."""
    rows = []
    for versions in VERSIONS:
        only = [] if versions == DEFAULT_VERSIONS else ["queue"]
        output = bench("burst", only, {"BURST_VERSIONS": str(versions)})
        rows += [numbers(row) for row in BURST_ROW.finditer(output)]
    if len(rows) != len(VERSIONS) + 3:
        raise RuntimeError(f"the benchmark prints other rows: {rows}")
    return {"rows": rows}


def sweep() -> dict[str, Any]:
    """The rows of all scenarios of the sweep."""
    rows = []
    for row in SWEEP_ROW.finditer(bench("sweep", [], {})):
        calls = (call.rpartition(" ") for call in row["calls"].split(", "))
        rows.append({**numbers(row), "calls": {operation: int(count) for operation, _, count in calls}})
    if not rows:
        raise RuntimeError("the benchmark prints other rows")
    return {"rows": rows}


def bench(name: str, arguments: list[str], variables: dict[str, str]) -> str:
    """Runs a benchmark, and returns what it prints."""
    command = ["cargo", "bench", "--locked", "--bench", name, "--", *arguments]
    environment = {**os.environ, **variables}
    process = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return process.stdout


def numbers(row: "re.Match[str]") -> dict[str, Any]:
    """The groups of a row, those of digits as numbers."""
    return {name: number(text) for name, text in row.groupdict().items()}


def number(text: str) -> int | float | str:
    for parse in (int, float):
        try:
            return parse(text)
        except ValueError:
            continue
    return text
