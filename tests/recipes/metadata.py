"""The tags and labels of docker/metadata-action, version 6, for `type=semver,pattern={{version}}` on a tag in Git."""

import re
from dataclasses import dataclass, field

# Without build metadata, which is not allowed in a tag.
SEMVER = re.compile(r"v?(?P<version>\d+\.\d+\.\d+(?P<prerelease>-[0-9A-Za-z.-]+)?)")


@dataclass(frozen=True)
class Flavor:
    """What is done to each tag."""

    latest: str = "auto"
    suffix: str = ""
    on_latest: bool = False
    """Whether the suffix applies to `latest` as well. By default it does not."""


@dataclass(frozen=True)
class Metadata:
    """The inputs of the action."""

    images: str
    tags: str
    flavor: str = ""
    parsed: Flavor = field(init=False)

    def __post_init__(self) -> None:
        assert self.tags == "type=semver,pattern={{version}}", f"unknown tags: {self.tags}"
        values = dict[str, str]()
        for line in self.flavor.splitlines():
            for part in line.strip().split(","):
                name, _, value = part.partition("=")
                assert name in {"latest", "suffix", "onlatest"}, f"unknown flavor: {part}"
                values[name] = value
        flavor = Flavor(values.get("latest", "auto"), values.get("suffix", ""), values.get("onlatest") == "true")
        object.__setattr__(self, "parsed", flavor)

    def outputs(self, ref_name: str, revision: str) -> dict[str, str]:
        """The outputs of the action for a tag in Git."""
        match = SEMVER.fullmatch(ref_name)
        assert match, f"not a semantic version: {ref_name}"
        flavor = self.parsed
        version = match["version"] + flavor.suffix
        tags = [f"{self.images}:{version}"]
        if flavor.latest == "true" or (flavor.latest == "auto" and not match["prerelease"]):
            tags.append(f"{self.images}:latest{flavor.suffix if flavor.on_latest else ''}")
        labels = [f"org.opencontainers.image.revision={revision}", f"org.opencontainers.image.version={version}"]
        return {"version": version, "tags": "\n".join(tags), "labels": "\n".join(labels)}
