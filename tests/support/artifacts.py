"""The release artefacts, as .ci/release has built them."""

import subprocess
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from support.background import ROOT

ARTIFACTS = ROOT / "target" / "release-artifacts"
ARCHITECTURES = ("arm64", "x86_64")
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]


@dataclass(frozen=True)
class Release:
    """The unpacked archive of one architecture."""

    architecture: str
    folder: Path

    def zip(self) -> Path:
        """The deployment package of the function."""
        return self.folder / f"ecr-multiarch-{self.architecture}.zip"

    def sbom(self) -> Path:
        """The software bill of materials."""
        return self.folder / f"ecr-multiarch-{self.architecture}.cdx.json"

    def bootstrap(self) -> Path:
        """The program of the function, unpacked beside the folder with the mode that the zip gives it."""
        program = self.folder.parent / "bootstrap"
        with zipfile.ZipFile(self.zip()) as packed:
            program.write_bytes(packed.read("bootstrap"))
            program.chmod(packed.getinfo("bootstrap").external_attr >> 16 & 0o777)
        return program


def built() -> list[str]:
    """The architectures that .ci/release was asked for. It makes the folder anew, or fails."""
    architectures = [name for name in ARCHITECTURES if archive(name).exists()]
    assert architectures, "nothing is built: run .ci/release"
    return architectures


def archive(architecture: str) -> Path:
    """The archive of the function for an architecture."""
    return ARTIFACTS / f"ecr-multiarch-{VERSION}-{architecture}.tar.gz"


def terminal_archive(architecture: str) -> Path:
    """The archive of the terminal program for an architecture."""
    return ARTIFACTS / f"ecr-multiarch-{VERSION}-linux-{architecture}.tar.gz"


def unpacked(architecture: str, target: Path) -> Release:
    """Unpacks an archive as a user does."""
    packed = archive(architecture)
    subprocess.run(["tar", "-xzf", str(packed), "-C", str(target)], check=True)
    return Release(architecture, target / packed.name.removesuffix(".tar.gz"))
