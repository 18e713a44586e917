"""Chromium over the gateway on its embedded default. See kit.py."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.kit import Visitor, running_browser

VisitorMaker = Callable[..., Visitor]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Not for the whole session: while it runs, no other test could start an event loop.
    with running_browser() as running:
        yield running


@pytest.fixture
def new_visitor(browser: Browser) -> Iterator[VisitorMaker]:
    """Makes visitors; after the test, nothing may have gone wrong in any of their browsers."""
    made: list[Visitor] = []

    def make(base_url: str, **options: object) -> Visitor:
        made.append(Visitor(browser, base_url, **options))
        return made[-1]

    yield make
    for visitor in made:
        visitor.close()
    assert [each for visitor in made for each in visitor.complaints] == []
