"""Measures the candidates, and writes the figures: see `benches/peers/run --help`."""

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cargo_benches
import measurements
import plots
import report
from candidates import candidates
from measurements import FULL, QUICK, Bench, Section
from network import network
from registry import local_ecr
from support.background import ROOT

# The sections of the figures, in the order in which they are measured.
OF_CANDIDATES: dict[str, Callable[[Bench], Section]] = {
    "lists": measurements.lists,
    "cold": measurements.cold,
    "latency": measurements.latency,
    "memory-sizes": measurements.memory_sizes,
}
OF_CARGO: dict[str, Callable[[], Section]] = {"burst": cargo_benches.burst, "sweep": cargo_benches.sweep}
# The lists are compared in each run.
QUICK_SECTIONS = ("lists", "cold", "latency")


def main() -> None:
    options = arguments()
    sections = options.only or (QUICK_SECTIONS if options.quick else (*OF_CANDIDATES, *OF_CARGO, "plots"))
    options.folder.mkdir(parents=True, exist_ok=True)
    # What a run leaves out stays as an earlier run measured it.
    file = options.folder / "figures.json"
    figures = json.loads(file.read_text()) if file.exists() else {}

    def keep(name: str, section: Section, command: str = "") -> None:
        figures[name] = {
            **section,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "command": command or f"benches/peers/run --only {name}",
            "machine": machine(),
        }
        file.write_text(json.dumps(figures, indent=2) + "\n")

    of_candidates = [name for name in OF_CANDIDATES if name in sections]
    if of_candidates:
        found = candidates(options.function)
        with (
            local_ecr(options.local_ecr, options.folder / "local-ecr.log") as registry,
            network(registry, options.folder) as before_registry,
        ):
            bench = Bench.new(registry, before_registry, found, options.folder, QUICK if options.quick else FULL)
            for candidate in found:
                bench.log(candidate).unlink(missing_ok=True)
            for name in of_candidates:
                print(f"{name} ...", file=sys.stderr, flush=True)
                keep(name, OF_CANDIDATES[name](bench))
        versions = {candidate.name: [candidate.title, candidate.version] for candidate in found}
        keep("candidates", {"versions": versions}, "benches/peers/run")
    for name in OF_CARGO:
        if name in sections:
            print(f"{name} ...", file=sys.stderr, flush=True)
            keep(name, OF_CARGO[name]())

    page = report.markdown(figures)
    print(page)
    # A quick run measures too little to be shown.
    if options.quick:
        return
    if missing := [name for name in (*OF_CANDIDATES, *OF_CARGO) if name not in figures]:
        sys.exit(f"docs/figures.md stays as it is, since these were never measured here: {', '.join(missing)}")
    (ROOT / "docs" / "figures.md").write_text(page)
    plots.write(figures, ROOT / "docs" / "images")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benches/peers/run",
        description="Measures the function and its peers on this machine, and writes docs/figures.md and its plots.",
    )
    parser.add_argument("--quick", action="store_true", help="only see that all candidates still make the same list")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        metavar="SECTIONS",
        help=f"measure only these, and take the others from the last run: {', '.join([*OF_CANDIDATES, *OF_CARGO])}; "
        "plots measures nothing",
    )
    parser.add_argument("--function", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--local-ecr", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    known = {*OF_CANDIDATES, *OF_CARGO, "plots"}
    if unknown := set(options.only or ()) - known:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    return options


def machine() -> str:
    """The processor on which the figures are measured, the number of its cores, and its system."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    release = Path("/etc/os-release").read_text()
    system = re.search(r'^PRETTY_NAME="(.*)"$', release, re.MULTILINE)
    processor = model[1] if model else platform.machine()
    return f"{processor}, {os.cpu_count()} cores, {system[1] if system else platform.system()}"


if __name__ == "__main__":
    main()
