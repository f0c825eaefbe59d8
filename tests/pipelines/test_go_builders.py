"""kaniko, ko and GoReleaser, by the commands of the recipes: what they push becomes a list.

Their builds take minutes, so `.ci/signers` installs them, and runs these tests.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from builders import ARCHITECTURES, REVISION, LiveRegistry, build, buildah_variables, builders_block
from support.background import ROOT

KANIKO = ROOT / "pipelines" / "gitlab" / "kaniko.yml"
EXECUTOR = """\
#!/bin/sh -e
# kaniko builds in the root of its file system, so it gets one of its own; and an option in place of a machine.
exec unshare --mount --pid --fork sh -ec 'mount -t proc proc "$0/proc"; exec chroot "$0" /kaniko/executor "$@"' \
  {root} --force --insecure "--custom-platform=linux/$ARCH" "$@"
"""

DOCKER = """\
#!/bin/sh -e
# `docker buildx build --push`, by buildah, which needs no engine and makes no attestations.
[ "$2" = build ] || exit 0
shift 2
for argument; do
  shift
  case $argument in --push | --attest=*) ;; *) set -- "$@" "$argument" ;; esac
  [ "$previous" != -t ] || name=$argument
  previous=$argument
done
buildah build "$@"
buildah push "$name"
"""

BASE = """\
buildah build --platform linux/amd64,linux/arm64 --manifest base .
buildah manifest push --all base "docker://$REGISTRY/base:1"
"""
"""Pushes the base image of ko, a list."""

CONFIGURATION = """\
version: 2
project_name: app
builds: [{env: [CGO_ENABLED=0], goos: [linux], goarch: [amd64, arm64]}]
release: {disable: true}
"""
"""What a project has in its .goreleaser.yaml beside the recipe."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A program in Go."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.com/app\n\ngo 1.24\n")
    (folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    return folder


def run_kaniko_job(live: LiveRegistry, folder: Path, version: str, architecture: str) -> None:
    """Runs the script of the job as if `folder` was the root of its container, with the project in /project."""
    root = folder / architecture
    for name in ("kaniko", "proc", "project", "etc"):
        (root / name).mkdir(parents=True, exist_ok=True)
    executor = shutil.which("executor")
    assert executor, "kaniko is missing: run .ci/signers, which installs it"
    shutil.copy(executor, root / "kaniko" / "executor")
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    (root / "project" / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    (folder / "kaniko").mkdir(exist_ok=True)
    (folder / "kaniko" / "executor").write_text(EXECUTOR.format(root=root))
    (folder / "kaniko" / "executor").chmod(0o755)
    variables = {
        "ARCH": architecture,
        "VERSION": version,
        "REGISTRY": live.address,
        "CI_PROJECT_DIR": "/project",
        "CI_COMMIT_SHA": REVISION,
        "AWS_TOKEN": "token",
    }
    script = "\n".join(yaml.safe_load(KANIKO.read_text())["push"]["script"])
    build(script.replace("/kaniko/", f"{folder}/kaniko/"), folder, variables)


def test_images_of_kaniko_become_a_list(live: LiveRegistry, tmp_path: Path) -> None:
    for architecture in ARCHITECTURES:
        run_kaniko_job(live, tmp_path, "1.0.2", architecture)
    live.assert_list("1.0.2")


def test_a_job_of_kaniko_that_is_repeated_changes_nothing(live: LiveRegistry, tmp_path: Path) -> None:
    run_kaniko_job(live, tmp_path, "1.0.3", "amd64")
    before = live.manifest("1.0.3-amd64")
    # kaniko states the time of the build, so this is another image.
    run_kaniko_job(live, tmp_path, "1.0.3", "amd64")
    assert before and live.manifest("1.0.3-amd64") == before


def test_images_of_ko_become_a_list(live: LiveRegistry, project: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    variables = {**buildah_variables(live, tmp_path), "REGISTRY": live.address, "REVISION": REVISION}
    build(BASE, base, variables)
    variables["KO_DEFAULTBASEIMAGE"] = f"{live.address}/base:1"
    command = builders_block("sh", "ko build")
    for architecture in ARCHITECTURES:
        build(command, project, {**variables, "ARCH": architecture, "tag": f"1.0.0-{architecture}"})
    live.assert_list("1.0.0")


def git(project: Path, *arguments: str) -> str:
    """Runs git as somebody, without what the user has configured."""
    someone = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *someone, *arguments], cwd=project, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_images_of_goreleaser_become_a_list(live: LiveRegistry, project: Path, tmp_path: Path) -> None:
    (project / ".goreleaser.yaml").write_text(CONFIGURATION + builders_block("yaml", "dockers_v2"))
    (project / "Dockerfile").write_text("FROM scratch\nARG TARGETPLATFORM\nCOPY $TARGETPLATFORM/app /\n")
    (project / ".gitignore").write_text("dist\n.docker\n.cache\n")
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message", "Begin")
    git(project, "tag", "v1.0.1")
    git(project, "remote", "add", "origin", "https://example.com/team/app.git")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    variables = {**buildah_variables(live, tmp_path), "REGISTRY": live.address}
    # Fails at a property that is deprecated as well.
    build("goreleaser check", project, variables)
    build(f"PATH={programs}:$PATH goreleaser release", project, variables)
    live.assert_list("v1.0.1", git(project, "rev-parse", "HEAD"))
