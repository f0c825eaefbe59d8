"""What the tests of builders share: the registry that they push to."""

from collections.abc import Iterator

import pytest

from builders import LiveRegistry, registry


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRegistry]:
    """A registry for each file of them."""
    with registry(tmp_path_factory.mktemp("builders")) as started:
        yield started
