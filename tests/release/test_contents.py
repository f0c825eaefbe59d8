"""What is in a release, for each architecture that was built."""

import calendar
import hashlib
import json
import os
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import elf
from support.artifacts import ARTIFACTS, VERSION, Release, archive
from support.background import ROOT
from package import make

EXECUTABLE = {"first-check", "pipelines/tag-state", "pipelines/wait-for-version"}
COPIED = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "SECURITY.md", "first-check", "member.yaml"]
FOLDERS = ["docs", "events", "pipelines", "terraform"]
TIME = (1980, 1, 1, 0, 0, 0)


def expected_files(architecture: str) -> set[str]:
    """The files of the function's folder."""
    command = ["git", "ls-files", *COPIED, *FOLDERS]
    copied = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return {
        "README.md",
        "SHA256SUMS",
        f"ecr-multiarch-{architecture}.cdx.json",
        f"ecr-multiarch-{architecture}.zip",
        "samconfig.toml",
        "template.yaml",
        *copied.stdout.split(),
    }


def locked() -> set[tuple[str, str]]:
    """The names and versions of all packages in Cargo.lock."""
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    return {(package["name"], package["version"]) for package in packages}


def hashes(sums: Path) -> dict[str, str]:
    """The SHA-256 of each file that a file of sums names."""
    lines = (line.split("  ", 1) for line in sums.read_text().splitlines())
    return {name: digest for digest, name in lines}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_folder_has_what_a_deployment_needs(release: Release) -> None:
    files = [path for path in release.folder.rglob("*") if path.is_file()]
    assert {str(path.relative_to(release.folder)) for path in files} == expected_files(release.architecture)
    assert all(path.stat().st_size > 0 for path in files)
    assert {str(path.relative_to(release.folder)) for path in files if os.access(path, os.X_OK)} == EXECUTABLE


def test_the_archive_tells_nothing_of_its_builder(architecture: str) -> None:
    content = archive(architecture).read_bytes()
    assert (content[3], content[4:8]) == (0, bytes(4)), "gzip has a name or a time"
    with tarfile.open(archive(architecture)) as packed:
        entries = packed.getmembers()
    names = [entry.name.split("/") for entry in entries]
    assert names == sorted(names)
    assert {(entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries} == {(0, 0, "root", "root")}
    assert {entry.mtime for entry in entries} == {calendar.timegm(TIME)}
    assert {entry.mode for entry in entries} == {0o644, 0o755}


def test_the_same_program_gives_the_same_archive(release: Release, tmp_path: Path) -> None:
    make("function", release.architecture, release.bootstrap(), release.sbom(), tmp_path)
    assert (tmp_path / archive(release.architecture).name).read_bytes() == archive(release.architecture).read_bytes()


def test_the_zip_has_one_program_that_all_may_execute(release: Release) -> None:
    with zipfile.ZipFile(release.zip()) as packed:
        [entry] = packed.infolist()
    assert (entry.filename, entry.external_attr >> 16) == ("bootstrap", 0o100755)
    assert entry.date_time == TIME


def test_the_sums_are_those_of_all_files(release: Release) -> None:
    listed = hashes(release.folder / "SHA256SUMS")
    assert listed.keys() == expected_files(release.architecture) - {"SHA256SUMS"}
    assert {name: sha256(release.folder / name) for name in listed} == listed


def test_the_sums_beside_the_archive_cover_each_file(release: Release) -> None:
    listed = hashes(ARTIFACTS / "SHA256SUMS")
    own = {archive(release.architecture).name, release.zip().name, release.sbom().name}
    assert own <= listed.keys() == {path.name for path in ARTIFACTS.iterdir() if path.is_file()} - {"SHA256SUMS"}
    assert {name: sha256(ARTIFACTS / name) for name in listed} == listed
    assert listed[release.zip().name] == sha256(release.zip())
    assert listed[release.sbom().name] == sha256(release.sbom())


def test_the_program_is_for_its_architecture(release: Release) -> None:
    assert elf.read(release.bootstrap()).architecture == release.architecture


def test_the_program_names_its_dependencies(release: Release) -> None:
    packages = elf.read(release.bootstrap()).dependencies()
    named = {(package["name"], package["version"]) for package in packages}
    assert ("ecr-multiarch", VERSION) in named
    assert any(name == "aws-sdk-ecr" for name, _ in named)
    assert named <= locked()


def test_the_bill_of_materials_names_what_the_program_does(release: Release) -> None:
    sbom = json.loads(release.sbom().read_text())
    assert sbom["bomFormat"] == "CycloneDX"
    components = [sbom["metadata"]["component"], *sbom["components"]]
    named = {(component["name"], component["version"]) for component in components}
    packages = elf.read(release.bootstrap()).dependencies()
    assert named == {(package["name"], package["version"]) for package in packages}


def test_the_guide_has_no_gaps(release: Release) -> None:
    text = (release.folder / "README.md").read_text()
    assert text.startswith(f"# ecr-multiarch {VERSION} for {release.architecture}\n")
    assert "@" not in text


def test_links_lead_to_files_of_the_folder_or_to_the_project(release: Release) -> None:
    [address] = re.findall(r'^repository = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    outside = f"{address}/blob/v{VERSION}/"
    for document in release.folder.rglob("*.md"):
        for target in re.findall(r"\]\(([^()\s]+)\)", "".join(document.read_text().split("```")[::2])):
            file, _, heading = target.partition("#")
            if file.startswith(outside):
                assert (ROOT / file.removeprefix(outside)).exists(), f"{document}: {target}"
            elif "://" not in file:
                named = document.parent / file if file else document
                assert named.exists(), f"{document}: {target}"
                assert not heading or heading in anchors(named.read_text()), f"{document}: {target}"


def anchors(text: str) -> set[str]:
    """Those of a document's headings, as code hosts make them."""
    titles = re.findall(r"^#+ (.+)$", "".join(text.split("```")[::2]), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
