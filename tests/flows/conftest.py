"""Fixtures of the flows."""

from collections.abc import Iterator

import pytest
from flows.gateways import Running, served


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One gateway for all tests that only ask and look."""
    with served(tmp_path_factory.mktemp("gateway")) as found:
        yield found
