"""Processes whose start, CPU and memory are measured."""

import os
import select
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cpu_share import CpuShare

# What the child writes right before it becomes the program: the time, and the CPU that it has used until then.
START = struct.Struct("dd")


@dataclass(frozen=True)
class Usage:
    """What a program has used until its end."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


class MeasuredProcess:
    """A program, from the moment at which its process begins to execute it."""

    def __init__(
        self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path, share: CpuShare | None = None
    ) -> None:
        reader, writer = os.pipe()

        def before_exec() -> None:
            if share:
                share.join()
            os.write(writer, START.pack(time.monotonic(), time.process_time()))

        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=before_exec,
            )
        self.log = log
        os.close(writer)
        self.started: float
        self._cpu_before: float
        self.started, self._cpu_before = START.unpack(os.read(reader, START.size))
        os.close(reader)

    def cpu_seconds(self) -> float:
        """The CPU of all its threads so far, by the CPU clock of the process."""
        # How Linux numbers the clock of a process: the process id, inverted, and the kind of the clock.
        clock = (~self.process.pid << 3) | 2
        return time.clock_gettime(clock) - self._cpu_before

    def peak_mib(self) -> float:
        """The most memory that was resident so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kib = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), "0")
        return int(kib) / 1024

    def resident(self) -> dict[str, float]:
        """Its resident memory now, in MiB: of its own file, of all other files, and of what has no file."""
        program = os.readlink(f"/proc/{self.process.pid}/exe")
        kib = Counter[str]()
        kind = ""
        for line in Path(f"/proc/{self.process.pid}/smaps").read_text().splitlines():
            name, *values = line.split()
            if name == "Rss:":
                kib[kind] += int(values[0])
            elif not name.endswith(":"):
                # The first line of a mapping: its addresses, rights, offset, device and inode, and maybe its file.
                file = " ".join(values[4:])
                kind = "program" if file == program else "libraries" if file.startswith("/") else "data"
        return {f"{kind}_mib": kib[kind] / 1024 for kind in ("program", "libraries", "data")}

    def end(self) -> None:
        """Kills the program."""
        self.process.kill()
        self.process.wait()

    def wait(self, *, with_memory: bool = False) -> Usage:
        """Waits until the program has ended by itself, with success.

        Its memory is asked for again and again, which takes CPU from it: where time counts, it is left out.
        """
        peak = 0.0
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.002):
                try:
                    peak = max(peak, self.peak_mib())
                except OSError:
                    return

        watcher = threading.Thread(target=watch)
        if with_memory:
            watcher.start()
        descriptor = os.pidfd_open(self.process.pid)
        try:
            select.select([descriptor], [], [])
            ended = time.monotonic()
            done.set()
            if with_memory:
                watcher.join()
            _, status, usage = os.wait4(self.process.pid, 0)
        finally:
            os.close(descriptor)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            raise RuntimeError(f"{self.process.args!r} failed:\n{self.log.read_text(errors='replace')}")
        return Usage(ended - self.started, usage.ru_utime + usage.ru_stime - self._cpu_before, peak)
