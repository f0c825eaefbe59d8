"""What an ELF binary of Lambda says of itself: only 64-bit little-endian, as both of its architectures are."""

import json
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MACHINES = {62: "x86_64", 183: "arm64"}
"""The machines of the ELF header, as Lambda names the architectures."""


@dataclass(frozen=True)
class Binary:
    """A binary, by its machine and its sections."""

    architecture: str
    sections: dict[str, bytes]

    def glibc(self) -> tuple[int, int] | None:
        """The newest version of glibc whose symbols it needs; none if it is static."""
        versions = re.findall(rb"\0GLIBC_(\d+)\.(\d+)", self.sections.get(".dynstr", b""))
        return max(((int(major), int(minor)) for major, minor in versions), default=None)

    def dependencies(self) -> list[dict[str, Any]]:
        """The packages that cargo-auditable has recorded, if it has."""
        recorded = self.sections.get(".dep-v0")
        return json.loads(zlib.decompress(recorded))["packages"] if recorded else []


def read(path: Path) -> Binary:
    """Reads a binary. Fails if it is another kind of file, or of another machine."""
    content = path.read_bytes()
    if content[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path} is not a 64-bit little-endian ELF binary")
    (machine,) = struct.unpack_from("<H", content, 18)
    (table,) = struct.unpack_from("<Q", content, 40)
    size, count, names_index = struct.unpack_from("<HHH", content, 58)
    # Of each section: where its name is among the names, where it is in the file, and its size.
    headers = [struct.unpack_from("<I20xQQ", content, table + size * index) for index in range(count)]
    names = body(content, headers[names_index])
    sections = {names[name:].partition(b"\0")[0].decode(): body(content, (name, *at)) for name, *at in headers}
    return Binary(MACHINES[machine], sections)


def body(content: bytes, header: tuple[int, ...]) -> bytes:
    """The bytes of a section."""
    _, offset, size = header
    return content[offset : offset + size]
