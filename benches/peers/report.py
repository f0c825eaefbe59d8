"""The figures as Markdown."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cpu_share import MB_OF_ONE_CPU, PERIOD_US
from prices import Prices

Figures = dict[str, Any]

# What the function promises itself against the boto3 handler, and against the floor of round trips.
TARGET_START = 1 / 40
TARGET_COLD_CPU = 1 / 40
TARGET_REPEATED_CPU = 1 / 20
TARGET_PEAK_MIB = 8
TARGET_OF_FLOOR = 1.05

INTRODUCTION = """\
# Figures

`benches/peers/run` measures everything on this page and writes it, with its plots; nothing here is written by hand. It
needs cargo, Go, python3 with venv, docker and buildah, and for the CPU shares root. The command above each table measures
that table alone.

All candidates use the same local ECR, over TLS with RSA certificates, as those of AWS are, through a relay that gives
each connection the round-trip time of a network and counts what passes. The candidates take turns, and each figure is
the median. CPU is that of the candidate's own processes, from their first instruction; peak memory is what was
resident. Each candidate makes the list of two Docker images, `app:VERSION-amd64` and `app:VERSION-arm64`, and has to
find them by their tags. Before anything is measured, the lists of all candidates are compared: they have the same
entries, and the function's has docker's bytes.

What it does not show: AWS itself. A call to ECR takes longer than here, a start on Lambda begins with the download of
the package, and the processor is another one. The functions run under a small host of the Lambda Runtime API, the boto3
handler with AWS's own runtime client for Python. The tools run as a job of CI does, with empty stores; the job itself,
its checkout and its `docker login` are left out. skopeo has no command that makes a list.
"""


def markdown(figures: Figures) -> str:
    """The page, with the sections that were measured."""
    sections: dict[str, Callable[[Figures], str]] = {
        "candidates": of_candidates,
        "cold": of_cold,
        "latency": of_latency,
        "memory-sizes": of_memory_sizes,
        "burst": of_burst,
        "sweep": of_sweep,
    }
    parts = [write(figures).rstrip("\n") + "\n" for name, write in sections.items() if name in figures]
    return "\n".join([INTRODUCTION, *parts])


def of_candidates(figures: Figures) -> str:
    rows = []
    for name, (title, version) in figures["candidates"]["versions"].items():
        rows.append([f"`{name}`", title, version])
    return heading(figures, "candidates", "Candidates") + table(["name", "what", "version"], rows)


def of_cold(figures: Figures) -> str:
    cold = figures["cold"]
    measured = cold["candidates"]
    text = heading(figures, "cold", "Start, CPU, memory and calls") + paragraph(
        f"A new process publishes one version; each round trip takes {cold['round_trip_ms']} ms, and the figures are "
        f"the medians of {cold['repetitions']} runs. *First request* is the time until a function asks for its first "
        "event. The CPU of the cold publish includes the start. A repeated event finds the list up to date; a warm publish is "
        "one of many versions that one process publishes."
    )
    text += picture("cost", "Start, CPU and memory of the function and its peers")
    header = ["candidate", "first request", "start and publish", "CPU, cold publish", "CPU, repeated event"]
    rows = []
    for name, values in measured.items():
        times = ("start_ms", "cold_ms", "cold_cpu_ms", "repeated_cpu_ms", "warm_cpu_ms")
        rows.append([f"`{name}`", *(cell(values.get(time), " ms") for time in times), cell(values["peak_mib"], " MiB")])
    text += table([*header, "CPU, warm publish", "peak memory"], rows) + "\n"
    rows = []
    for name, values in measured.items():
        operations = ", ".join(f"{count} `{operation}`" for operation, count in values["operations"].items())
        kib = f"{(values['bytes_up'] + values['bytes_down']) / 1_024:.1f} KiB"
        rows.append(
            [f"`{name}`", values["requests"], operations, values["connections"], values["full_handshakes"], kib]
        )
    text += paragraph("What passed the relay during the last cold publish:")
    text += table(["candidate", "requests", "which", "connections", "full TLS handshakes", "bytes"], rows) + "\n"
    return text + of_targets(figures)


def of_targets(figures: Figures) -> str:
    """The function compared with the boto3 handler."""
    measured = figures["cold"]["candidates"]
    function = measured["function"]
    rows = []
    for what, key, target in (
        ("time to the first request", "start_ms", TARGET_START),
        ("CPU of a cold publish", "cold_cpu_ms", TARGET_COLD_CPU),
        ("CPU of a repeated event", "repeated_cpu_ms", TARGET_REPEATED_CPU),
    ):
        ratios = [fraction(function[key] / measured[peer][key]) for peer in ("boto3", "boto3-checks")]
        rows.append([what, fraction(target), *ratios])
    rows.append(["peak memory", f"{TARGET_PEAK_MIB} MiB", f"{function['peak_mib']:.1f} MiB", ""])
    header = ["the function", "target", "measured, of `boto3`", "of `boto3-checks`"]
    text = paragraph("The targets of the function, as a part of what the boto3 handler takes:") + table(header, rows)
    return f"{text}\n" + paragraph(
        f"After the run, {function['program_mib']:.1f} MiB of the function's memory are pages of its program (Linux maps "
        f"16 pages at a time around each page that is touched), {function['libraries_mib']:.1f} MiB are shared "
        f"libraries, and {function['data_mib']:.1f} MiB are data."
    )


def of_floor(latency: Figures, point: Figures, round_trip: str) -> float:
    """The function's time from event to answer as a multiple of its round trips alone."""
    floor: float = latency["round_trips_of_publish"] * point[round_trip]
    answer: float = point["candidates"]["function"]["answer_ms"]
    return answer / floor


def of_latency(figures: Figures) -> str:
    latency = figures["latency"]
    names = list(latency["round_trips"])
    count = latency["round_trips_of_publish"]
    text = heading(figures, "latency", "From the last push to the list") + paragraph(
        "The functions are warm, and get the event of a version's last push at once; the time is that until their "
        "answer, which the function gives after it has confirmed the list by a read. The tools run from their start to "
        f"their end. The floor is {count} round trips: reading images and list, the URLs of the configs, the configs, "
        "writing, confirming. `boto3` reads no config and confirms nothing, so it needs two. Medians of "
        f"{latency['repetitions']} versions."
    )
    text += picture("latency", "Milliseconds from the last push to the list, by round-trip time")
    rows: list[list[Any]] = []
    for point in latency["points"]:
        milliseconds = point["round_trip_ms"]
        times = [cell(point["candidates"][name]["answer_ms"], " ms") for name in names]
        rows.append([f"{milliseconds} ms", f"{count * milliseconds} ms", *times])
    slopes = [f"{latency['round_trips'][name]:.1f}" for name in names]
    rows.append(["round trips, one after the other", f"{count}", *slopes])
    text += table(["round trip", "floor", *(f"`{name}`" for name in names)], rows) + "\n"
    text += paragraph(
        "The last row is the slope of the times over the round-trip time. `docker` and `buildah` open a connection for "
        "each request, which costs two round trips more each."
    )
    text += paragraph(
        "The relay and the local ECR are part of every time here. So the function is also compared with what its round "
        "trips take here at least: as many requests on an open connection, by a client that does nothing else. Its "
        f"target is {TARGET_OF_FLOOR} of that."
    )
    rows = []
    for point in latency["points"]:
        milliseconds = point["round_trip_ms"]
        shortest = count * point["shortest_round_trip_ms"]
        of_nominal = f"{of_floor(latency, point, 'round_trip_ms'):.2f}" if milliseconds else ""
        of_shortest = f"{of_floor(latency, point, 'shortest_round_trip_ms'):.2f}"
        function = point["candidates"]["function"]
        times = [cell(time, " ms") for time in (function["list_ms"], function["answer_ms"], shortest)]
        rows.append([f"{milliseconds} ms", *times, of_nominal, of_shortest])
    header = ["round trip", "the list is there", "answer", f"{count} shortest round trips", "answer, of the floor"]
    return text + table([*header, "of the shortest"], rows)


def of_memory_sizes(figures: Figures) -> str:
    section = figures["memory-sizes"]
    prices = Prices.read()
    text = heading(figures, "memory-sizes", "Memory size and price") + paragraph(
        f"Lambda gives a function CPU in proportion to its memory size, one vCPU at {MB_OF_ONE_CPU:,} MB (AWS Lambda "
        "developer guide, *Configure Lambda function memory*). Here a cgroup gives each process that share, also while "
        f"it starts, in periods of {PERIOD_US // 1_000} ms; Lambda does not state its period. Each round trip takes "
        f"{section['round_trip_ms']} ms. Medians of {section['repetitions']} processes."
    )
    text += picture("memory-size", "Start and publish by memory size")
    header = ["candidate", "memory size", "start", "cold publish", "warm publish", "waiting", "unchanged", "ignored"]
    rows = []
    for row in section["rows"]:
        times = ("start_ms", "cold_publish_ms", "publish_ms", "waiting_ms", "unchanged_ms", "ignored_ms")
        usd = [f"{prices.of_million_pushes(row, is_cold=is_cold):.2f} USD" for is_cold in (False, True)]
        rows.append(
            [f"`{row['candidate']}`", f"{row['memory_mb']:,} MB", *(cell(row[time], " ms") for time in times), *usd]
        )
    text += table([*header, "a million pushes, warm", "all cold"], rows) + "\n"
    return text + paragraph(
        "The price is that of Lambda alone: for a million pushes of single platforms, with two platforms per version, "
        "500,000 events each are `waiting`, `published` and, for the list itself, `ignored`. Each is an invocation of "
        "its own, and its duration is rounded up to the millisecond. *All cold* starts a new environment for each of "
        "them, which is the most that it can cost. "
        f"The durations are those above, the prices those of {prices.architecture}, the template's default: "
        f"{prices.usd_per_gb_second:.10f} USD per GB-second and "
        f"{prices.usd_per_million_requests:.2f} USD per million requests ({prices.source}; as of {prices.date}), in "
        "`benches/peers/prices.json`."
    )


def of_burst(figures: Figures) -> str:
    text = heading(figures, "burst", "A release burst") + paragraph(
        "Many versions complete at the same moment, while ECR admits 5 `PutImage` a second. The floor is what this "
        "quota alone demands. The rows are those of `cargo bench --bench burst`; "
        "[TESTING.md](../TESTING.md#figures) describes them."
    )
    text += picture("burst", "Seconds of a burst by versions, and the floor of the quota")
    header = ["delivery", "versions", "published", "seconds", "floor", "ratio", "`PutImage`", "throttled", "dead"]
    rows = []
    for row in figures["burst"]["rows"]:
        before = [row["delivery"], row["versions"], row["published"], row["seconds"], row["floor"]]
        after = [f"{row['puts']:,}", f"{row['throttled']:,}", row["dead"]]
        rows.append([*before, f"{row['seconds'] / row['floor']:.2f}", *after])
    return text + table(header, rows)


def of_sweep(figures: Figures) -> str:
    text = heading(figures, "sweep", "The sweep") + paragraph(
        "The rows are those of `cargo bench --bench sweep`; [TESTING.md](../TESTING.md#figures) describes them. The "
        "seconds include the local ECR, which shares the machine."
    )
    text += picture("sweep", "Calls and seconds of a sweep by images and repositories")
    header = ["repositories", "versions", "state", "calls to ECR", "`DescribeImages`", "`BatchGetImage`", "`PutImage`"]
    rows = []
    for row in figures["sweep"]["rows"]:
        calls = row["calls"]
        # The download of a config is not a call to ECR.
        numbers = [sum(count for name, count in calls.items() if name != "Blob")]
        numbers += [calls.get(name, 0) for name in ("DescribeImages", "BatchGetImage", "PutImage")]
        rows.append(
            [f"{row['repositories']:,}", f"{row['versions']:,}", row["state"], *(f"{number:,}" for number in numbers)]
            + [f"{row['seconds']:.1f}", f"{row['peak_mib']:.0f} MiB"]
        )
    return text + table([*header, "seconds", "peak memory"], rows)


def heading(figures: Figures, name: str, title: str) -> str:
    section = figures[name]
    return f"## {title}\n\n`{section['command']}`, {section['date']}, on {section['machine']}.\n\n"


def picture(name: str, alternative: str) -> str:
    return f"![{alternative}](images/figures-{name}.svg)\n\n"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(text) for text in line) + " |\n" for line in lines)


def paragraph(text: str) -> str:
    """A paragraph, wrapped as the other documents are."""
    lines, line = [], ""
    for word in text.split(" "):
        if len(line) + 1 + len(word) > 120:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".lstrip()
    return "\n".join([*lines, line]) + "\n\n"


def cell(value: float | None, unit: str) -> str:
    """A number with three digits and its unit, or nothing."""
    if value is None:
        return ""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}{unit}"


def fraction(ratio: float) -> str:
    return f"1/{1 / ratio:.0f}"
