"""Makes the folders of a release for one architecture, and their archives: the function, and the terminal program.

    python3 release/package.py function x86_64 PROGRAM SBOM OUTPUT
    python3 release/package.py terminal x86_64 PROGRAM SBOM OUTPUT

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

import documents
import elf
import template

PROJECT = Path(__file__).resolve().parents[1]

LICENSES = ["LICENSE-APACHE", "LICENSE-MIT"]

COPIED = [
    *LICENSES,
    "CHANGELOG.md",
    "SECURITY.md",
    "docs",
    "events",
    "first-check",
    "member.yaml",
    "pipelines",
    "terraform",
]
"""What the folder of the function has of the project, under the same names, so that links and commands hold."""

TIME = (1980, 1, 1, 0, 0, 0)
"""That of all files, in UTC: the earliest of a zip. The commit's would change a zip whose content is the same."""

GLIBC = (2, 34)
"""That of Amazon Linux 2023, on which the functions run."""

LARGEST = {"function": 7_400_000, "terminal": 11_300_000}
"""Bytes of each program, a few percent above what it has, so that growth is noticed. A cold start loads the function."""


def check(kind: str, program: Path, architecture: str) -> None:
    """Stops if the program could not run where it should, or does not say what it is made of."""
    binary, size = elf.read(program), program.stat().st_size
    package = {"function": "ecr-multiarch", "terminal": "ecr-multiarch-cli"}[kind]
    needs = binary.glibc()
    if binary.architecture != architecture:
        sys.exit(f"release: the {kind} is for {binary.architecture}, expected {architecture}")
    if kind == "function" and (needs is None or needs > GLIBC):
        sys.exit(f"release: the function needs glibc {needs}, and provided.al2023 has {GLIBC}")
    if kind == "terminal" and needs is not None:
        sys.exit(f"release: the terminal program needs glibc {needs}, and must be static")
    if not any(found["name"] == package for found in binary.dependencies()):
        sys.exit(f"release: the dependency data of the {kind} does not name {package}")
    if size > LARGEST[kind]:
        sys.exit(f"release: the {kind} has {size} bytes, and may have {LARGEST[kind]}")
    print(f"release: {kind} for {architecture}: {size} bytes, {len(binary.dependencies())} packages")


def zip_file(bootstrap: Path, target: Path) -> None:
    """A deployment package of Lambda: the binary alone, which everybody may execute."""
    entry = zipfile.ZipInfo("bootstrap", TIME)
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, whose modes are in external_attr.
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, bootstrap.read_bytes(), compresslevel=9)


def copy(name: str, folder: Path) -> None:
    """Copies a file of the project, or those of a folder that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z", name], cwd=PROJECT, check=True, capture_output=True, text=True)
    for file in filter(None, listed.stdout.split("\0")):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / file, folder / file)


def readme(guide: str, version: str, architecture: str) -> str:
    """The guide to a folder, with what it takes to build the same program again."""
    compiler = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    text = (PROJECT / "release" / guide).read_text()
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


def make(kind: str, architecture: str, program: Path, sbom: Path, output: Path) -> None:
    """Makes the folder of one kind, and its archive."""
    check(kind, program, architecture)
    manifest = tomllib.loads((PROJECT / "Cargo.toml").read_text())
    version, address = manifest["package"]["version"], manifest["workspace"]["package"]["repository"]
    if kind == "function":
        folder = output / f"ecr-multiarch-{version}-{architecture}"
        folder.mkdir()
        code = f"ecr-multiarch-{architecture}.zip"
        zip_file(program, folder / code)
        (folder / "template.yaml").write_text(template.packaged(PROJECT, architecture, code))
        shutil.copy(PROJECT / "release" / "samconfig.toml", folder)
        guide, copied = "function.md.in", COPIED
    else:
        folder = output / f"ecr-multiarch-{version}-linux-{architecture}"
        folder.mkdir()
        shutil.copy(program, folder / "ecr-multiarch")
        (folder / "ecr-multiarch").chmod(0o755)
        guide, copied = "terminal.md.in", LICENSES
    shutil.copy(sbom, folder / sbom.name)
    for name in copied:
        copy(name, folder)
    (folder / "README.md").write_text(readme(guide, version, architecture))
    documents.link(folder, f"{address}/blob/v{version}")
    (folder / "SHA256SUMS").write_text(sums(folder))
    tar_file(folder, output / f"{folder.name}.tar.gz")


if __name__ == "__main__":
    make(*sys.argv[1:3], *map(Path, sys.argv[3:]))
