"""buildah and Jib, by the commands of the recipes: what they push becomes a list."""

from pathlib import Path

import yaml

from builders import ARCHITECTURES, REVISION, LiveRegistry, build, buildah_variables, builders_block
from support.background import ROOT

BUILDAH = ROOT / "pipelines" / "gitlab" / "buildah.yml"
JIB = Path(__file__).with_name("jib")


def run_buildah_job(live: LiveRegistry, tmp_path: Path, version: str, architecture: str) -> None:
    """Runs the script of the job, with its variables, in a clone of a project."""
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    (project / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    if not (project / "pipelines").exists():
        (project / "pipelines").symlink_to(ROOT / "pipelines")
    job = yaml.safe_load(BUILDAH.read_text())["push"]
    # A role would be asked for at AWS.
    stated = {name: value for name, value in job["variables"].items() if not name.startswith("AWS_")}
    variables = {
        **buildah_variables(live, tmp_path),
        **stated,
        "ARCH": architecture,
        "VERSION": version,
        "REGISTRY": live.address,
        "CI_COMMIT_SHA": REVISION,
        "AWS_TOKEN": "token",
        "AWS_ENDPOINT_URL_ECR": live.url,
    }
    build("\n".join(job["script"]), project, variables)


def test_images_of_buildah_become_a_list(live: LiveRegistry, tmp_path: Path) -> None:
    for architecture in ARCHITECTURES:
        run_buildah_job(live, tmp_path, "1.0.0", architecture)
    live.assert_list("1.0.0")


def test_a_job_that_is_repeated_pushes_nothing(live: LiveRegistry, tmp_path: Path) -> None:
    # Tags are immutable, so a second push would fail.
    for _ in range(2):
        run_buildah_job(live, tmp_path, "1.0.1", "amd64")


def test_images_of_jib_become_a_list(live: LiveRegistry, tmp_path: Path) -> None:
    for name in ("pom.xml", "src/main/java/Main.java"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((JIB / name).read_text())
    command = builders_block("sh", "jib-maven-plugin")
    for architecture in ARCHITECTURES:
        variables = {
            "ARCH": architecture,
            "tag": f"1.0.2-{architecture}",
            "REGISTRY": live.address,
            "REVISION": REVISION,
            "MAVEN_OPTS": f"-Dmaven.repo.local={ROOT}/target/jib-tools -Djib.disableUpdateChecks=true",
        }
        build(command, tmp_path, variables)
    live.assert_list("1.0.2")
