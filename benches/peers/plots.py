"""The plots of the figures, which follow the light or dark theme of the reader."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot  # noqa: E402 (the backend is chosen before)
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

Figures = dict[str, Any]

# The colors of a light page. The function is the first of the candidates.
BACKGROUND, TEXT, GRID, FLOOR = "#ffffff", "#1f2328", "#d1d9e0", "#1a7f37"
CANDIDATES = ("#0969da", "#9a6700", "#bc4c00", "#6e7781", "#8250df", "#1b7c83", "#bf3989", "#0a3069", "#4d2d00")
# What each of them is on a dark page.
DARK = {
    BACKGROUND: "#0d1117",
    TEXT: "#e6edf3",
    GRID: "#30363d",
    FLOOR: "#3fb950",
    **dict(zip(CANDIDATES, ("#58a6ff", "#d29922", "#f0883e", "#8b949e", "#bc8cff", "#39c5cf", "#f778ba", "#a5d6ff", "#dbab79"), strict=True)),
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
STYLE: Any = {
    "svg.hashsalt": "ecr-multiarch",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "figure.facecolor": BACKGROUND,
    "savefig.facecolor": BACKGROUND,
    "axes.facecolor": BACKGROUND,
    "axes.edgecolor": GRID,
    "axes.labelcolor": TEXT,
    "axes.titlesize": 10,
    "axes.titlecolor": TEXT,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def write(figures: Figures, folder: Path) -> None:
    """Writes all plots. The same figures give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = {"cost": cost, "latency": latency, "memory-size": memory_size, "burst": burst, "sweep": sweep}
    for name, plot in plots.items():
        with matplotlib.rc_context(STYLE):
            figure = plot(figures)
            file = folder / f"figures-{name}.svg"
            figure.savefig(file, metadata={"Date": None})
            pyplot.close(figure)
        file.write_text(themed(file.read_text()))


def themed(svg: str) -> str:
    """The plot with a style for dark pages, by the colors that each element states.

    Programs that know no color schemes show it as it is.
    """
    rules = "".join(
        f'  [style*="{key}: {light}"] {{ {key}: {dark} !important }}\n'
        for light, dark in DARK.items()
        for key in ("fill", "stroke")
    )
    style = f"<style>\n@media (prefers-color-scheme: dark) {{\n{rules}}}\n</style>\n"
    head, defs, rest = svg.partition(" <defs>\n")
    return f"{head}{defs}{style}{rest}"


def cost(figures: Figures) -> Figure:
    """Start, CPU and memory of each candidate, as bars."""
    measured = figures["cold"]["candidates"]
    panels = (
        ("start to first request, ms", "start_ms"),
        ("CPU of a cold publish, ms", "cold_cpu_ms"),
        ("CPU of a repeated event, ms", "repeated_cpu_ms"),
        ("peak memory, MiB", "peak_mib"),
    )
    figure, grid = pyplot.subplots(2, 2, figsize=(9, 4.2))
    for axes, (title, key) in zip(grid.flat, panels, strict=True):
        names = [name for name in measured if key in measured[name]]
        values = [measured[name][key] for name in names]
        colors = [CANDIDATES[list(measured).index(name)] for name in names]
        bars = axes.barh(names, values, color=colors, height=0.62)
        axes.bar_label(bars, [number(value) for value in values], padding=3)
        axes.set_title(title)
        axes.invert_yaxis()
        axes.set_xlim(0, max(values) * 1.15)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure


def latency(figures: Figures) -> Figure:
    """The time to the list by the round-trip time, and the floor."""
    section = figures["latency"]
    points = section["points"]
    trips = [point["round_trip_ms"] for point in points]
    figure, (warm, all_of_them) = pyplot.subplots(1, 2, figsize=(9, 3.8))
    floor = [section["round_trips_of_publish"] * trip for trip in trips]
    functions = [name for name in section["round_trips"] if "list_ms" in points[0]["candidates"][name]]
    for axes, names in ((warm, functions), (all_of_them, list(section["round_trips"]))):
        for name in names:
            index = list(section["round_trips"]).index(name)
            times = [point["candidates"][name]["answer_ms"] for point in points]
            axes.plot(trips, times, color=CANDIDATES[index], marker=MARKERS[index], markersize=4, label=name)
        label = f"floor of {section['round_trips_of_publish']} round trips"
        axes.plot(trips, floor, color=FLOOR, linestyle="--", linewidth=1.2, label=label)
        describe(axes, "round-trip time, ms", "ms from the last push to the list")
        axes.legend(fontsize=8)
    warm.set_title("warm functions")
    all_of_them.set_title("and tools, as a job runs them")
    return figure


def memory_size(figures: Figures) -> Figure:
    """Start and first publish, and a warm publish, by memory size."""
    rows = figures["memory-sizes"]["rows"]
    names = list(dict.fromkeys(row["candidate"] for row in rows))
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.4))
    titles = ("start and first publish, ms", "warm publish, ms")
    for axes, title, keys in zip(panels, titles, (("start_ms", "cold_publish_ms"), ("publish_ms",)), strict=True):
        for index, name in enumerate(names):
            of_name = [row for row in rows if row["candidate"] == name]
            sizes = [row["memory_mb"] for row in of_name]
            times = [sum(row[key] for key in keys) for row in of_name]
            axes.plot(sizes, times, color=CANDIDATES[index], marker=MARKERS[index], markersize=4, label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        describe(axes, "memory size, MB", "ms")
        axes.set_title(title)
        axes.legend(fontsize=8)
    return figure


def burst(figures: Figures) -> Figure:
    """The seconds of a burst by its versions, and the floor of the quota."""
    rows = figures["burst"]["rows"]
    figure, axes = pyplot.subplots(figsize=(9, 3.6))
    for index, delivery in enumerate(dict.fromkeys(row["delivery"] for row in rows)):
        of_delivery = [row for row in rows if row["delivery"] == delivery]
        versions = [row["versions"] for row in of_delivery]
        seconds = [row["seconds"] for row in of_delivery]
        line = "-" if len(of_delivery) > 1 else ""
        axes.plot(versions, seconds, color=CANDIDATES[index], marker=MARKERS[index], linestyle=line, label=delivery)
    queue = [row for row in rows if row["delivery"] == "queue"]
    versions = [row["versions"] for row in queue]
    floor = [row["floor"] for row in queue]
    axes.plot(versions, floor, color=FLOOR, linestyle="--", label="floor of the quota")
    describe(axes, "versions that complete at once", "seconds until the last list")
    axes.legend(fontsize=8)
    return figure


def sweep(figures: Figures) -> Figure:
    """The calls and seconds of each scenario, as bars on a logarithmic scale."""
    rows = figures["sweep"]["rows"]
    names = [f"{repositories(row['repositories'])}, {row['versions']:,} versions, {row['state']}" for row in rows]
    calls = [sum(count for name, count in row["calls"].items() if name != "Blob") for row in rows]
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 4.4), sharey=True)
    values: Sequence[tuple[str, Sequence[float]]] = (
        ("calls to ECR", calls),
        ("seconds", [row["seconds"] for row in rows]),
    )
    for axes, (title, numbers) in zip(panels, values, strict=True):
        # A bar of a logarithmic scale begins at some value; this one is below all.
        bars = axes.barh(names, [max(value, 0.02) for value in numbers], left=0.01, color=CANDIDATES[0], height=0.62)
        axes.bar_label(bars, [number(value) for value in numbers], padding=3, fontsize=8)
        axes.set_xscale("log")
        axes.set_xlim(right=max(numbers) * 8)
        axes.set_title(title)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0, labelsize=8)
    panels[0].invert_yaxis()
    return figure


def repositories(count: int) -> str:
    return "1 repository" if count == 1 else f"{count:,} repositories"


def describe(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True)


def number(value: float) -> str:
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
