"""The commands of the AWS CLI in the documents."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from support.background import ROOT

VERSION_1 = Path(sys.executable).with_name("aws")
"""The AWS CLI 1, of PyPI."""

VERSION_2 = Path("/usr/bin/aws")
"""The AWS CLI 2, of Debian's package."""

VALUE = "arn:aws:service:eu-central-1:111122223333:value"
"""What the commands get for outputs of the stack and for what a reader fills in."""

AWS = f"""\
#!/bin/sh
for argument; do printf '%s\\0' "$argument"; done >>"$RECORDED"
printf '\\n\\0' >>"$RECORDED"
echo {VALUE}
"""
"""A program in place of the AWS CLI that records its arguments."""


def documents() -> list[Path]:
    """All that git knows."""
    listed = subprocess.run(["git", "ls-files", "*.md", "*.md.in"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.splitlines()]


def shell_blocks(text: str) -> list[str]:
    """The blocks of commands of a document. What a reader fills in, such as <executionArn>, has a value; `(?<name>` is
    part of an expression."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    plain = [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in blocks]
    return [re.sub(r"(?<!\?)<[A-Za-z]+>", VALUE, block) for block in plain]


def section(document: str, heading: str) -> str:
    """A section of a document."""
    _, _, rest = (ROOT / document).read_text().partition(f"\n## {heading}\n")
    assert rest, f"{document}: {heading}"
    return rest.partition("\n## ")[0]


def definitions() -> str:
    """What docs/deploy.md defines for the commands of all documents."""
    [block] = [block for block in shell_blocks((ROOT / "docs" / "deploy.md").read_text()) if "output()" in block]
    return block


def program(folder: Path, aws: Path, url: str, ecr_url: str) -> Path:
    """Writes a program `aws` that calls these endpoints, whatever version it is: 2.9 does not read AWS_ENDPOINT_URL."""
    written = folder / "aws"
    written.write_text(f"""\
#!/bin/sh
case $1 in ecr) url={ecr_url} ;; *) url={url} ;; esac
exec {aws} --endpoint-url "$url" "$@"
""")
    written.chmod(0o755)
    return written


def aws_commands(script: str, folder: Path) -> list[list[str]]:
    """The arguments of the AWS CLI in a script, which is run without any other program than jq."""
    programs, recorded = folder / "programs", folder / "recorded"
    programs.mkdir(exist_ok=True)
    jq = shutil.which("jq")
    assert jq, "jq is missing: run .ci/deployed, which installs it"
    (programs / "jq").unlink(missing_ok=True)
    (programs / "jq").symlink_to(jq)
    recorded.write_text("")
    (programs / "aws").write_text(AWS)
    (programs / "aws").chmod(0o755)
    environment = {"PATH": str(programs), "RECORDED": str(recorded)}
    shutil.copytree(ROOT / "events", folder / "project" / "events", dirs_exist_ok=True)
    subprocess.run(["/bin/bash", "-c", script], cwd=folder / "project", env=environment, capture_output=True, timeout=60)
    commands = recorded.read_text().split("\0\n\0")[:-1]
    return [command.split("\0") for command in commands]
