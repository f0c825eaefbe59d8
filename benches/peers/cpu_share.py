"""The share of a CPU that Lambda gives a function of a memory size, by cgroups of version 1 or 2. Needs root."""

import os
from pathlib import Path

# At this size a function has the equivalent of one vCPU, and CPU is in proportion to memory. (AWS Lambda developer
# guide, "Configure Lambda function memory".)
MB_OF_ONE_CPU = 1_769
# Lambda does not say for how long it stops a function that has used up its share. A shorter period makes shorter stops;
# this one lets the quota of the smallest size stay above the millisecond that Linux demands.
PERIOD_US = 20_000

ROOT = Path("/sys/fs/cgroup")


class CpuShare:
    """A cgroup whose processes together get the CPU of a function of this memory size. Its context removes it."""

    def __init__(self, memory_mb: int) -> None:
        quota_us = PERIOD_US * memory_mb // MB_OF_ONE_CPU
        name = f"ecr-multiarch-{os.getpid()}-{memory_mb}"
        if (ROOT / "cgroup.controllers").exists():
            control = ROOT / "cgroup.subtree_control"
            if "cpu" not in control.read_text().split():
                control.write_text("+cpu")
            self.folder = ROOT / name
            self.folder.mkdir()
            (self.folder / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            self.folder = ROOT / "cpu" / name
            self.folder.mkdir()
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.folder / "cpu.cfs_quota_us").write_text(str(quota_us))

    def join(self) -> None:
        """Moves the calling process into the cgroup."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def __enter__(self) -> "CpuShare":
        return self

    def __exit__(self, *_: object) -> None:
        # Its processes have ended.
        self.folder.rmdir()
