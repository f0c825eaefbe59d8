"""The stand-in for docker/metadata-action: these are the answers of its version 6.2.0."""

import pytest

from metadata import Metadata

SUFFIX = "latest=auto\nsuffix=-arm64,onlatest=true"


@pytest.mark.parametrize(
    ("ref_name", "flavor", "version", "tags"),
    [
        ("v1.2.3", "", "1.2.3", ["1.2.3", "latest"]),
        ("v1.2.3", SUFFIX, "1.2.3-arm64", ["1.2.3-arm64", "latest-arm64"]),
        ("v1.2.3", "suffix=-arm64", "1.2.3-arm64", ["1.2.3-arm64", "latest"]),
        ("v1.2.3-rc.1", SUFFIX, "1.2.3-rc.1-arm64", ["1.2.3-rc.1-arm64"]),
    ],
)
def test_tags_are_those_of_the_action(ref_name: str, flavor: str, version: str, tags: list[str]) -> None:
    outputs = Metadata("app", "type=semver,pattern={{version}}", flavor).outputs(ref_name, "1f6b0bd")
    assert outputs["version"] == version
    assert outputs["tags"].splitlines() == [f"app:{tag}" for tag in tags]
    assert "org.opencontainers.image.revision=1f6b0bd" in outputs["labels"].splitlines()
