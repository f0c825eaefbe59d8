"""The documents of a release: links that lead out of its folder lead to the project's address."""

import os
import re
from pathlib import Path


def link(folder: Path, address: str) -> None:
    """Changes the links of all documents in a folder. The address is that of the project's files of this version."""
    for document in folder.rglob("*.md"):
        place = document.parent.relative_to(folder)

        def changed(match: re.Match[str]) -> str:
            target, hash_sign, heading = match[1].partition("#")
            if "://" in target or not target or (document.parent / target).exists():
                return match[0]
            path = os.path.normpath(place / target)
            return f"]({address}/{path}{hash_sign}{heading})"

        document.write_text(re.sub(r"\]\(([^()\s]+)\)", changed, document.read_text()))
