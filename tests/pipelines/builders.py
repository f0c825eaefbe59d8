"""A registry with the function, to which builders push by the commands of the recipes."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.background import environment, running
from support.commands import section
from support.emulator import CREDENTIALS
from support.local_ecr import INDEX, MANIFEST, local_program
from support.waiting import eventually

ARCHITECTURES = ["amd64", "arm64"]
REVISION = 40 * "1"
REVISION_LABEL = "org.opencontainers.image.revision"
DOCKER = "application/vnd.docker.distribution.manifest"
MEDIA_TYPES = ", ".join([INDEX, MANIFEST, f"{DOCKER}.list.v2+json", f"{DOCKER}.v2+json"])


def builders_block(language: str, word: str) -> str:
    """The block of the section on builders that contains a word."""
    builders = section("pipelines/README.md", "Other builders")
    [block] = [block for block in re.findall(rf"^```{language}\n(.*?)^```", builders, re.S | re.M) if word in block]
    return str(block)


@dataclass(frozen=True)
class LiveRegistry:
    """A registry whose tags are immutable, with the function attached to its events."""

    url: str

    @property
    def address(self) -> str:
        """Host and port, by which builders call it."""
        return self.url.replace("http://127.0.0.1", "localhost")

    def manifest(self, reference: str) -> dict[str, Any] | None:
        """The manifest that a tag or digest of `app` names, if it is there."""
        return self._get(f"manifests/{reference}")

    def image_config(self, tag: str) -> dict[str, Any]:
        """The config of the image under a platform tag."""
        manifest = self.manifest(tag)
        assert manifest, f"{tag} was not pushed"
        config = self._get(f"blobs/{manifest['config']['digest']}")
        assert config
        return config

    def assert_list(self, version: str, revision: str = REVISION) -> None:
        """Asserts that the images have their platform and the revision, and that the function makes a list of them."""
        for architecture in ARCHITECTURES:
            config = self.image_config(f"{version}-{architecture}")
            stated = (config["architecture"], config["config"]["Labels"][REVISION_LABEL])
            assert stated == (architecture, revision)
        made = eventually(f"{version} is published", lambda: self.manifest(version))
        assert [entry["platform"]["architecture"] for entry in made["manifests"]] == ARCHITECTURES

    def _get(self, path: str) -> dict[str, Any] | None:
        request = urllib.request.Request(f"{self.url}/v2/app/{path}", headers={"Accept": MEDIA_TYPES})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=30) as response:
                document: dict[str, Any] = json.load(response)
                return document
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise


@contextmanager
def registry(folder: Path) -> Iterator[LiveRegistry]:
    """Runs the local ECR with the function."""
    command = [*local_program(), "--immutable", "--platforms", "linux/amd64,linux/arm64"]
    with running(command, folder / "registry.log", CREDENTIALS) as started:
        [url] = eventually("the registry starts", lambda: re.findall(r"listens at (http://\S+)", started.output()))
        yield LiveRegistry(url)


def buildah_variables(live: LiveRegistry, home: Path) -> dict[str, str]:
    """The environment in which buildah keeps all in a folder, and takes the registry without TLS."""
    settings = home / ".config" / "containers"
    settings.mkdir(parents=True, exist_ok=True)
    storage = f'[storage]\ndriver = "vfs"\nrunroot = "{home}/run"\ngraphroot = "{home}/root"\n'
    (settings / "storage.conf").write_text(storage)
    # `buildah login` reads this file alone, whatever CONTAINERS_REGISTRIES_CONF says.
    (settings / "registries.conf").write_text(f'[[registry]]\nlocation = "{live.address}"\ninsecure = true\n')
    logins = home / "auth.json"
    if not logins.exists():
        logins.write_text("{}")
    return {
        "HOME": str(home),
        "BUILDAH_ISOLATION": "chroot",
        "CONTAINERS_STORAGE_CONF": str(settings / "storage.conf"),
        "REGISTRY_AUTH_FILE": str(logins),
    }


def build(script: str, project: Path, variables: Mapping[str, str]) -> None:
    """Runs a script of a recipe in the folder of a project. Builders find no credentials, and keep nothing at home."""
    programs = f"{Path(sys.executable).parent}:{environment({})['PATH']}"
    caches = {"DOCKER_CONFIG": str(project / ".docker"), "XDG_CACHE_HOME": str(project / ".cache")}
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", script],
        cwd=project,
        env=environment({**CREDENTIALS, **caches, "PATH": programs, "REPOSITORY": "app", **variables}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
