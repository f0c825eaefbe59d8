"""The plots of the figures, each for light and for dark pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot  # noqa: E402 (the backend is chosen before)
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

Figures = dict[str, Any]


@dataclass(frozen=True)
class Theme:
    """The colors of a page."""

    suffix: str
    background: str
    text: str
    grid: str
    function: str
    peers: Sequence[str]
    floor: str


THEMES = (
    Theme("", "#ffffff", "#1f2328", "#d1d9e0", "#0969da", ("#9a6700", "#bc4c00", "#6e7781", "#8250df"), "#1a7f37"),
    Theme("-dark", "#0d1117", "#e6edf3", "#30363d", "#58a6ff", ("#d29922", "#f0883e", "#8b949e", "#bc8cff"), "#3fb950"),
)
MARKERS = ("o", "s", "^", "D", "v")


def write(figures: Figures, folder: Path) -> None:
    """Writes all plots. The same figures give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    plots: dict[str, Callable[[Figures, Theme], Figure]] = {
        "cost": cost,
        "latency": latency,
        "memory-size": memory_size,
        "burst": burst,
        "sweep": sweep,
    }
    for theme in THEMES:
        for name, plot in plots.items():
            with matplotlib.rc_context(style(theme)):
                figure = plot(figures, theme)
                figure.savefig(folder / f"figures-{name}{theme.suffix}.svg", metadata={"Date": None})
                pyplot.close(figure)


def style(theme: Theme) -> Any:
    return {
        "svg.hashsalt": "ecr-multiarch",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10,
        "figure.facecolor": theme.background,
        "savefig.facecolor": theme.background,
        "axes.facecolor": theme.background,
        "axes.edgecolor": theme.grid,
        "axes.labelcolor": theme.text,
        "axes.titlesize": 10,
        "axes.titlecolor": theme.text,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": theme.grid,
        "grid.linewidth": 0.6,
        "text.color": theme.text,
        "xtick.color": theme.text,
        "ytick.color": theme.text,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
    }


def cost(figures: Figures, theme: Theme) -> Figure:
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
        colors = [color(theme, list(measured).index(name)) for name in names]
        bars = axes.barh(names, values, color=colors, height=0.62)
        axes.bar_label(bars, [number(value) for value in values], padding=3)
        axes.set_title(title)
        axes.invert_yaxis()
        axes.set_xlim(0, max(values) * 1.15)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure


def latency(figures: Figures, theme: Theme) -> Figure:
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
            axes.plot(trips, times, color=color(theme, index), marker=MARKERS[index], markersize=4, label=name)
        label = f"floor of {section['round_trips_of_publish']} round trips"
        axes.plot(trips, floor, color=theme.floor, linestyle="--", linewidth=1.2, label=label)
        describe(axes, "round-trip time, ms", "ms from the last push to the list")
        axes.legend(fontsize=8)
    warm.set_title("warm functions")
    all_of_them.set_title("and tools, as a job runs them")
    return figure


def memory_size(figures: Figures, theme: Theme) -> Figure:
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
            axes.plot(sizes, times, color=color(theme, index), marker=MARKERS[index], markersize=4, label=name)
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


def burst(figures: Figures, theme: Theme) -> Figure:
    """The seconds of a burst by its versions, and the floor of the quota."""
    rows = figures["burst"]["rows"]
    figure, axes = pyplot.subplots(figsize=(9, 3.6))
    for index, delivery in enumerate(dict.fromkeys(row["delivery"] for row in rows)):
        of_delivery = [row for row in rows if row["delivery"] == delivery]
        versions = [row["versions"] for row in of_delivery]
        seconds = [row["seconds"] for row in of_delivery]
        line = "-" if len(of_delivery) > 1 else ""
        axes.plot(versions, seconds, color=color(theme, index), marker=MARKERS[index], linestyle=line, label=delivery)
    queue = [row for row in rows if row["delivery"] == "queue"]
    versions = [row["versions"] for row in queue]
    floor = [row["floor"] for row in queue]
    axes.plot(versions, floor, color=theme.floor, linestyle="--", label="floor of the quota")
    describe(axes, "versions that complete at once", "seconds until the last list")
    axes.legend(fontsize=8)
    return figure


def sweep(figures: Figures, theme: Theme) -> Figure:
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
        bars = axes.barh(names, [max(value, 0.02) for value in numbers], left=0.01, color=theme.function, height=0.62)
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


def color(theme: Theme, index: int) -> str:
    """The color of a candidate by its place: the function is the first."""
    return theme.function if index == 0 else theme.peers[index - 1]


def number(value: float) -> str:
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
