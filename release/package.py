"""Makes the folder of a release for one architecture, and its archive.

    python3 release/package.py x86_64 BOOTSTRAP SBOM OUTPUT

Equal inputs give equal bytes: files are in the order of their names, and have one time, owner and mode.
"""

import calendar
import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import elf
import template

PROJECT = Path(__file__).resolve().parents[1]

COPIED = [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "first-check",
    "pipelines/tag-state",
    "pipelines/wait-for-version",
    "member.yaml",
    "release/samconfig.toml",
    "terraform",
]
"""What the folder has of the project as it is."""

TIME = (1980, 1, 1, 0, 0, 0)
"""That of all files, in UTC: the earliest of a zip. The commit's would change a zip whose content is the same."""

GLIBC = (2, 34)
"""That of Amazon Linux 2023, on which the functions run."""

LARGEST = 7_400_000
"""Bytes of the binary, which a cold start loads: a few percent above what it has, so that growth is noticed."""


def check(bootstrap: Path, architecture: str) -> None:
    """Stops if the binary could not run on Lambda, or does not say what it is made of."""
    binary, size = elf.read(bootstrap), bootstrap.stat().st_size
    glibc = binary.glibc()
    if binary.architecture != architecture:
        sys.exit(f"release: the binary is for {binary.architecture}, expected {architecture}")
    if glibc > GLIBC:
        sys.exit(f"release: the binary needs glibc {glibc}, and provided.al2023 has {GLIBC}")
    if not any(package["name"] == "ecr-multiarch" for package in binary.dependencies()):
        sys.exit("release: the binary's dependency data does not name ecr-multiarch")
    if size > LARGEST:
        sys.exit(f"release: the binary has {size} bytes, and may have {LARGEST}")
    print(f"release: {architecture}: {size} bytes, glibc {glibc[0]}.{glibc[1]}, {len(binary.dependencies())} packages")


def zip_file(bootstrap: Path, target: Path) -> None:
    """A deployment package of Lambda: the binary alone, which everybody may execute."""
    entry = zipfile.ZipInfo("bootstrap", TIME)
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, whose modes are in external_attr.
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, bootstrap.read_bytes(), compresslevel=9)


def copy(source: Path, target: Path) -> None:
    """Copies a file, or those of a folder that git knows."""
    if source.is_file():
        shutil.copy(source, target)
        return
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=source, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, target / name)


def readme(version: str, architecture: str) -> str:
    """The guide to the folder, with what it takes to build the same binary again."""
    compiler = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    text = (PROJECT / "release" / "README.md.in").read_text()
    for name, value in {"VERSION": version, "ARCHITECTURE": architecture, "COMPILER": compiler}.items():
        text = text.replace(f"@{name}@", value)
    return text


def sums(folder: Path) -> str:
    """The SHA-256 of all files below a folder, in the format of sha256sum."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder)}\n" for file in files)


def tar_file(folder: Path, target: Path) -> None:
    """An archive of a folder."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = calendar.timegm(TIME)
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        return entry

    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        # In the order of the names, at every level.
        archive.add(folder, folder.name, filter=plain)
    # Neither a name nor a time.
    target.write_bytes(gzip.compress(content.getvalue(), mtime=0))


def make(architecture: str, bootstrap: Path, sbom: Path, output: Path) -> None:
    """Makes both."""
    check(bootstrap, architecture)
    version = tomllib.loads((PROJECT / "Cargo.toml").read_text())["package"]["version"]
    code = f"ecr-multiarch-{architecture}.zip"
    folder = output / f"ecr-multiarch-{version}-{architecture}"
    folder.mkdir()
    zip_file(bootstrap, folder / code)
    shutil.copy(sbom, folder / f"ecr-multiarch-{architecture}.cdx.json")
    for name in COPIED:
        copy(PROJECT / name, folder / Path(name).name)
    (folder / "template.yaml").write_text(template.packaged(PROJECT, architecture, code))
    (folder / "README.md").write_text(readme(version, architecture))
    (folder / "SHA256SUMS").write_text(sums(folder))
    tar_file(folder, output / f"{folder.name}.tar.gz")


if __name__ == "__main__":
    make(sys.argv[1], *map(Path, sys.argv[2:]))
