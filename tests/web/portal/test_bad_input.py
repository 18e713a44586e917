"""Whatever is typed into an address, a form or a header: it is told what is wrong, never a 5xx."""

import random
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import pytest

import web.portal
from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from tests.web.test_routes_matrix import FILLED, MATRIX
from web.fleet.states import InstanceState
from web.identity.sessions import csrf_of
from web.limits.rules import NAMES as LIMITS

# By what the pages' own code asks for: a name that is new is tried from the start.
ASKED = re.compile(r'\b(?:asked|text|one|many|chosen)\(\s*"([a-z_]+)"')
NAMES = sorted(
    {
        name
        for file in Path(web.portal.__file__).parent.rglob("*.py")
        for name in ASKED.findall(file.read_text())
    }
    | set(LIMITS)
)
TYPED = (
    "", " ", "\0", "\ud800", "\u202e", "é", "😀", "²", "١٢", "<b>", "'; --", "%", "_", "[", "{}",
    "-1", "0", "1", "1e400", "nan", "inf", "99999", "9" * 40, "a" * 999, "a" * 5000, "../x",
    "2026-02-30", "9999-12-31", "0001-01-01", "2026-11-20", "ada", "root", "cold", "user", "group",
    "everyone", "on", "yes", "drain", "csv", "models", "users",
)  # fmt: skip
HEADERS = (
    "Accept", "Authorization", "Content-Type", "Cookie", "Forwarded", "Host", "If-Modified-Since",
    "If-None-Match", "Origin", "Range", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Site", "User-Agent",
    "X-CSRF-Token", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id",
    "X-Requested-With",
)  # fmt: skip
SAID = (
    "", "*", "é", "ÿ\xa0", "null", ",,,", "=;=;", "-1", "a" * 4000, "http://[", "http://a]b",
    "a:b:c:99999", "[::1", 'for="["', "Basic !!!", "Bearer ", "Bearer é", 'kscope_session="é',
    f"kscope_session={'A' * 43}", "multipart/form-data", "multipart/form-data; boundary=",
    "application/json", "application/x-www-form-urlencoded; charset=utf-99", "text/html;q=abc",
    'W/"', "bytes=-",
)  # fmt: skip
PAGES = sorted(each for each in MATRIX if not each.split()[1].startswith(("/v1", "/ready")))
FORM = "application/x-www-form-urlencoded"
TRIES = 10


@pytest.fixture(params=["ada", "root"])
def user(gateway: InProcess, request: pytest.FixtureRequest) -> str:
    gateway.add(InstanceState.PENDING, model="cold")
    return str(request.param)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Another for each test, and for each the same every time."""
    return random.Random(request.node.name)


def some(chance: random.Random, names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    chosen = chance.sample(names, chance.randint(1, len(names)))
    return {name: chance.choice(values) for name in chosen}


def address(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("named", PAGES)
def test_nothing_that_is_typed_is_a_fault_of_ours(
    gateway: InProcess, user: str, named: str, chance: random.Random
) -> None:
    method, path = named.split()
    same = [dict.fromkeys(NAMES, value) for value in TYPED]

    for fields in same + [some(chance, NAMES, TYPED) for _ in range(TRIES)]:
        # Deeds can end a session, and each is to be tried by somebody who is logged in.
        browser = Browser(gateway, user)
        if method == "POST":
            fields["csrf"] = csrf_of(browser.session)
        sent = urlencode(fields, errors="surrogatepass")
        into = {"query_string": sent} if method == "GET" else {"data": sent, "content_type": FORM}
        answer = browser.client.open(address(path), method=method, buffered=True, **into)

        assert answer.status_code < 500, fields


@pytest.mark.parametrize("named", PAGES)
def test_nothing_that_a_header_says_is_a_fault_of_ours(
    gateway: InProcess, named: str, chance: random.Random
) -> None:
    method, path = named.split()
    each_alone = [{name: chance.choice(SAID)} for name in HEADERS]

    for headers in each_alone + [some(chance, HEADERS, SAID) for _ in range(TRIES)]:
        for browser in (Browser(gateway), Browser(gateway, "root")):
            answer = browser.client.open(
                address(path), method=method, headers=headers, buffered=True
            )

            assert answer.status_code < 500, headers
