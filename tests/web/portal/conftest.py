"""A gateway worker in this process, with a few people who have accounts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.in_process import InProcess, in_process
from web.clock import utc_now


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[InProcess]:
    """ada is in the group physics, bob in none, root is an administrator."""
    gateway = in_process(tmp_path)
    gateway.accounts.create("ada", "local", groups=["physics"], now=utc_now())
    gateway.accounts.create("bob", "local", now=utc_now())
    gateway.accounts.create("root", "local", is_admin=True, now=utc_now())
    yield gateway
    gateway.database.close()
