"""An administrator's browser, and what the audit log says of what they did."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.audit.entries import Entry
from web.audit.store import AuditLog, Wanted


@pytest.fixture
def root(gateway: InProcess) -> Browser:
    return Browser(gateway, "root")


@pytest.fixture
def noted(gateway: InProcess) -> Callable[[str], Entry]:
    """The one entry of an action, which must be root's, from the test's address."""

    def find(action: str) -> Entry:
        (entry,) = AuditLog(gateway.database).query(Wanted(action=action))
        assert (entry.actor, entry.origin) == ("root", "127.0.0.1")
        return entry

    return find


@pytest.fixture
def told(root: Browser) -> Callable[[TestResponse], str]:
    """The page after a deed, which says what came of it."""

    def follow(answer: TestResponse) -> str:
        assert answer.status_code == 303
        page = root.get(answer.headers["Location"])
        assert page.status_code == 200
        return page.text

    return follow
