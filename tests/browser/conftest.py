"""Chromium over the gateway on its embedded default. See kit.py and world.py."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

import pytest
from playwright.sync_api import Browser, StorageState

from tests.browser import world
from tests.browser.kit import Visitor, running_browser
from tests.gateway_process import Gateway
from tests.local_gateway import running

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


class Portal:
    """A furnished gateway, which tests leave as they found it, and who is logged in there."""

    def __init__(self, browser: Browser, gateway: Gateway, places: dict[str, str]) -> None:
        self.gateway = gateway
        self.places = places
        self._browser = browser
        self._cookies: dict[str, StorageState] = {}

    def cookies(self, name: str) -> StorageState:
        """Logging in takes long on purpose, so each person does it once."""
        if name not in self._cookies:
            visitor = Visitor(self._browser, self.gateway.base_url)
            visitor.log_in(name, world.PASSWORD)
            self._cookies[name] = visitor.cookies()
            visitor.close()
            assert visitor.complaints == []
        return self._cookies[name]


@pytest.fixture(scope="package")
def portal(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running(Gateway(tmp_path_factory.mktemp("portal"), world.MODELS)) as gateway:
        places = world.furnish(gateway)
        yield Portal(browser, gateway, places | world.wait_until_shown(gateway))


@pytest.fixture
def make_gateway(tmp_path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways with the given entries of models.yaml; stops them and their jobs."""
    with ExitStack() as made:
        numbers = count()

        def make(*models: dict[str, object], **env: str) -> Gateway:
            folder = tmp_path / f"gateway{next(numbers)}"
            return made.enter_context(running(Gateway(folder, models, env)))

        yield make


@pytest.fixture
def visit(portal: Portal, new_visitor: VisitorMaker) -> Callable[..., Visitor]:
    """A visitor of the furnished gateway: nobody, or logged in under a name."""

    def make(name: str | None = None, **options: object) -> Visitor:
        cookies = portal.cookies(name) if name else None
        return new_visitor(portal.gateway.base_url, cookies=cookies, **options)

    return make
