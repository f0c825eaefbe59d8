"""What is measured of the candidates, section by section.

The candidates take turns within each repetition, so that whatever else the machine does meets all of them alike.
Figures are medians.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

from candidates import Candidate, LambdaCandidate, ToolCandidate
from cpu_share import CpuShare
from network import Network
from registry import ARCHITECTURES, DOCKER, OCI, Registry, push_event

# Of a cold start, and of the calls within a Region.
ROUND_TRIP_MS = 5
# Also the latency of each call in the benchmark of bursts.
ROUND_TRIP_MS_OF_MEMORY_SIZES = 20
# What a warm function needs to publish a version whose images it has not seen, one after the other: a read of images
# and list, the URLs of both configs at once, both configs at once, the write, and the read that confirms it.
ROUND_TRIPS_OF_PUBLISH = 5

Section = dict[str, Any]


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    repetitions: int
    events: int
    """Events that are repeated, and versions that are published, by one process."""
    round_trips_ms: Sequence[int]
    memory_sizes_mb: Sequence[int]


FULL = Scale(repetitions=15, events=50, round_trips_ms=(0, 5, 10, 20, 50), memory_sizes_mb=(128, 256, 512, 1_769))
QUICK = Scale(repetitions=1, events=3, round_trips_ms=(0, 5), memory_sizes_mb=(128, 512))


@dataclass(frozen=True)
class Bench:
    """The registry, the network before it, and the candidates."""

    registry: Registry
    network: Network
    candidates: Sequence[Candidate]
    folder: Path
    scale: Scale
    versions: Iterator[int]

    @classmethod
    def new(
        cls, registry: Registry, network: Network, candidates: Sequence[Candidate], folder: Path, scale: Scale
    ) -> "Bench":
        # Each candidate has a repository of its own, and so never finds the list of another one.
        for candidate in candidates:
            registry.create(candidate.name)
        return cls(registry, network, candidates, folder, scale, count())

    def new_version(self) -> str:
        """A version that no candidate has seen."""
        return f"1.0.{next(self.versions)}"

    def push(self, candidate: Candidate) -> tuple[str, dict[str, Any]]:
        """Pushes a new version for a candidate, and returns it with the event of its later image."""
        version = self.new_version()
        return version, self.registry.push_images(candidate.name, version)

    def log(self, candidate: Candidate) -> Path:
        return self.folder / f"{candidate.name}.log"

    def functions(self) -> list[LambdaCandidate]:
        return [candidate for candidate in self.candidates if isinstance(candidate, LambdaCandidate)]


def lists(bench: Bench) -> Section:
    """All candidates make a list of the same images: for Docker images the function's is docker's, byte for byte."""
    section: Section = {}
    for image_format in (DOCKER, OCI):
        version = bench.new_version()
        made = {}
        for candidate in bench.candidates:
            event = bench.registry.push_images(candidate.name, version, image_format)
            match candidate:
                case LambdaCandidate():
                    with candidate.start(bench.network.endpoint, bench.log(candidate)) as running:
                        running.invoke(event, "published")
                case ToolCandidate():
                    candidate.run(bench.network.endpoint, candidate.name, version, bench.log(candidate), image_format)
            made[candidate.name] = bench.registry.manifest_list(candidate.name, version)
        check_lists(image_format.name, made)
        section[image_format.name] = sorted(made)
    return section


def check_lists(image_format: str, made: dict[str, str]) -> None:
    """Checks that all lists have the same media type and entries, and that the function's is docker's if it must be."""
    expected = json.loads(made["function"])
    if {entry["platform"]["architecture"] for entry in expected["manifests"]} != set(ARCHITECTURES):
        raise AssertionError(f"the function's list: {made['function']}")
    for name, text in made.items():
        if content(json.loads(text)) != content(expected):
            raise AssertionError(f"{image_format} images: the list of {name} is\n{text}\nnot\n{made['function']}")
    if image_format == DOCKER.name and made["docker"] != made["function"]:
        raise AssertionError(f"docker's list is\n{made['docker']}\nnot\n{made['function']}")


def content(manifest_list: dict[str, Any]) -> tuple[str, list[str]]:
    """A list without the order of its entries and of their fields. crane also states the type of the config."""
    described = ({name: entry[name] for name in entry if name != "artifactType"} for entry in manifest_list["manifests"])
    entries = sorted(json.dumps(entry, sort_keys=True) for entry in described)
    return manifest_list["mediaType"], entries


def cold(bench: Bench) -> Section:
    """A new process publishes a version; a function then handles the same event again, and publishes more versions."""
    bench.network.set_round_trip(ROUND_TRIP_MS)
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    traffic: dict[str, Section] = {}
    for _ in range(bench.scale.repetitions):
        for candidate in bench.candidates:
            match candidate:
                case LambdaCandidate():
                    sample, traffic[candidate.name] = cold_function(bench, candidate)
                case ToolCandidate():
                    sample, traffic[candidate.name] = cold_tool(bench, candidate)
            for name, value in sample.items():
                samples[candidate.name][name].append(value)
    return {
        "round_trip_ms": ROUND_TRIP_MS,
        "repetitions": bench.scale.repetitions,
        "candidates": {name: {**summary(values), **traffic[name]} for name, values in samples.items()},
    }


def cold_function(bench: Bench, candidate: LambdaCandidate) -> tuple[dict[str, float], Section]:
    _, event = bench.push(candidate)
    more = [bench.push(candidate)[1] for _ in range(bench.scale.events)]
    bench.network.take()
    with candidate.start(bench.network.endpoint, bench.log(candidate)) as running:
        process = running.process
        ready = running.runtime.wait_until_ready()
        reply = running.invoke(event, "published")
        cpu = process.cpu_seconds()
        traffic = bench.network.take()
        for _ in range(bench.scale.events):
            running.invoke(event, "unchanged")
        repeated_cpu = process.cpu_seconds()
        for event in more:
            running.invoke(event, "published")
        warm_cpu = process.cpu_seconds()
        sample = {
            "start_ms": (ready - process.started) * 1_000,
            "cold_ms": (ready - process.started + reply.seconds) * 1_000,
            "cold_cpu_ms": cpu * 1_000,
            "repeated_cpu_ms": (repeated_cpu - cpu) / bench.scale.events * 1_000,
            "warm_cpu_ms": (warm_cpu - repeated_cpu) / bench.scale.events * 1_000,
            "peak_mib": process.peak_mib(),
            **process.resident(),
        }
    return sample, counts(traffic)


def cold_tool(bench: Bench, candidate: ToolCandidate) -> tuple[dict[str, float], Section]:
    version, _ = bench.push(candidate)
    bench.network.take()
    usage = candidate.run(bench.network.endpoint, candidate.name, version, bench.log(candidate))
    traffic = bench.network.take()
    watched = candidate.run(bench.network.endpoint, candidate.name, version, bench.log(candidate), with_memory=True)
    sample = {"cold_ms": usage.seconds * 1_000, "cold_cpu_ms": usage.cpu_seconds * 1_000, "peak_mib": watched.peak_mib}
    return sample, counts(traffic)


def counts(traffic: dict[str, Any]) -> Section:
    """The counts of what has passed the relay."""
    operations = Counter(request["operation"] for request in traffic["requests"])
    numbers = {name: traffic[name] for name in ("connections", "full_handshakes", "bytes_up", "bytes_down")}
    return {**numbers, "requests": len(traffic["requests"]), "operations": dict(sorted(operations.items()))}


def latency(bench: Bench) -> Section:
    """The time from the last push of a version to its list, by the round-trip time."""
    points = [latency_at(bench, milliseconds) for milliseconds in bench.scale.round_trips_ms]
    slopes = {}
    for candidate in bench.candidates:
        times = [point["candidates"][candidate.name]["answer_ms"] for point in points]
        slopes[candidate.name] = linear_regression(bench.scale.round_trips_ms, times).slope
    return {
        "repetitions": bench.scale.repetitions,
        "round_trips_of_publish": ROUND_TRIPS_OF_PUBLISH,
        "points": points,
        "round_trips": slopes,
    }


def latency_at(bench: Bench, milliseconds: int) -> Section:
    bench.network.set_round_trip(milliseconds)
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as ended:
        functions = {}
        for function in bench.functions():
            running = ended.enter_context(function.start(bench.network.endpoint, bench.log(function)))
            functions[function.name] = running
            # Warm: its connections are open.
            running.invoke(bench.push(function)[1], "published")
        for _ in range(bench.scale.repetitions):
            for candidate in bench.candidates:
                version, event = bench.push(candidate)
                bench.network.take()
                match candidate:
                    case LambdaCandidate():
                        reply = functions[candidate.name].invoke(event, "published")
                        begun, seconds = reply.begun, reply.seconds
                    case ToolCandidate():
                        usage = candidate.run(bench.network.endpoint, candidate.name, version, bench.log(candidate))
                        seconds = usage.seconds
                requests = bench.network.take()["requests"]
                written = [request["answered"] for request in requests if is_write_of_list(request["operation"])][-1]
                if isinstance(candidate, LambdaCandidate):
                    samples[candidate.name]["list_ms"].append((written - begun) * 1_000)
                samples[candidate.name]["answer_ms"].append(seconds * 1_000)
        version, _ = bench.push(bench.candidates[0])
        shortest = bench.network.shortest_round_trip(bench.candidates[0].name, version, 5 * bench.scale.repetitions)
    return {
        "round_trip_ms": milliseconds,
        "shortest_round_trip_ms": shortest * 1_000,
        "candidates": {name: summary(values) for name, values in samples.items()},
    }


def is_write_of_list(operation: str) -> bool:
    return operation == "PutImage" or operation.startswith("PUT /v2/.../manifests")


def memory_sizes(bench: Bench) -> Section:
    """The times of the functions with the share of a CPU that Lambda gives each memory size."""
    bench.network.set_round_trip(ROUND_TRIP_MS_OF_MEMORY_SIZES)
    samples: dict[tuple[int, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(bench.scale.repetitions):
        for size in bench.scale.memory_sizes_mb:
            for candidate in bench.functions():
                for name, value in function_of_size(bench, candidate, size).items():
                    samples[size, candidate.name][name].append(value)
    rows = [{"memory_mb": size, "candidate": name, **summary(values)} for (size, name), values in samples.items()]
    return {
        "round_trip_ms": ROUND_TRIP_MS_OF_MEMORY_SIZES,
        "repetitions": bench.scale.repetitions,
        "rows": rows,
    }


def function_of_size(bench: Bench, candidate: LambdaCandidate, memory_mb: int) -> dict[str, float]:
    """The times of one process: its start and first publish, and then those of each kind of event."""
    repository = candidate.name
    version, event = bench.push(candidate)
    warm = bench.push(candidate)
    incomplete = bench.registry.push_image(repository, bench.new_version(), ARCHITECTURES[0])
    own_list = push_event(repository, version, event["detail"]["image-digest"], DOCKER.manifest_list)
    with (
        CpuShare(memory_mb) as share,
        candidate.start(bench.network.endpoint, bench.log(candidate), share) as running,
    ):
        ready = running.runtime.wait_until_ready()
        return {
            "start_ms": (ready - running.process.started) * 1_000,
            "cold_publish_ms": running.invoke(event, "published").seconds * 1_000,
            "publish_ms": running.invoke(warm[1], "published").seconds * 1_000,
            "waiting_ms": running.invoke(incomplete, "waiting").seconds * 1_000,
            "ignored_ms": running.invoke(own_list, "ignored").seconds * 1_000,
            "unchanged_ms": running.invoke(event, "unchanged").seconds * 1_000,
        }


def summary(samples: dict[str, list[float]]) -> dict[str, float]:
    """The medians."""
    return {name: median(values) for name, values in samples.items()}
