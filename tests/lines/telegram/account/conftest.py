"""What every test here watches besides its subject."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_is_left_to_asyncio(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No task or future is dropped with an exception nobody asked for."""
    yield
    gc.collect()
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    complaints = [one.getMessage() for one in records if one.name == "asyncio"]
    assert complaints == []
