"""The machine on which the figures are measured."""

import os
import platform
import re
from pathlib import Path


def machine() -> str:
    """Its processor, the number of its cores, and its system."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    release = Path("/etc/os-release").read_text()
    system = re.search(r'^PRETTY_NAME="(.*)"$', release, re.MULTILINE)
    processor = model[1] if model else platform.machine()
    return f"{processor}, {os.cpu_count()} cores, {system[1] if system else platform.system()}"
