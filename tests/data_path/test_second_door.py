"""The playground's door: whoever comes by it gets the same bytes, and leaves the same way."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta

import pytest

from tests.data_path.conftest import Bench
from tests.data_path.raw import CHAT, Reply, connect, parse, read_all, read_one, talk
from tests.waiting import wait_until
from web.clock import utc_now
from web.config import Settings
from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.session_store import SessionStore
from web.identity.sessions import Sessions, csrf_of
from web.limits.rules import Scope
from web.limits.store import LimitStore
from web.openai_proxy.table import PLAYGROUND
from web.portal.viewer import PORTAL_KEY
from web.secrets import Secrets
from web.usage.lines import Question
from web.usage.periods import By
from web.usage.store import UsageStore

(PATH,) = PLAYGROUND
USER = "carol"
SCRIPTS = ("good", "fragments", "packed", "drip", "extensions", "delimited")


@dataclass
class Visitor:
    """A browser that is logged in, in front of a gateway with a torture engine."""

    bench: Bench
    token: str

    def request(self, script: str, *, stream: bool = True, last: bool = True, **more) -> bytes:
        body = self.bench.body(script, stream=stream, **more)
        return self.head(len(body), *(["Connection: close"] if last else [])) + body

    def head(self, length: int, *lines: str, csrf: str | None = None) -> bytes:
        told = (
            f"POST {PATH} HTTP/1.1",
            f"Host: 127.0.0.1:{self.bench.port}",
            f"Origin: http://127.0.0.1:{self.bench.port}",
            f"Cookie: theme=dark; kscope_session={self.token}",
            f"X-CSRF-Token: {csrf_of(self.token) if csrf is None else csrf}",
            f"Content-Length: {length}",
            *lines,
        )
        return "\r\n".join(told).encode() + b"\r\n\r\n"

    def ask(self, script: str, *, stream: bool = True, **more) -> Reply:
        return talk(self.bench.port, self.request(script, stream=stream, **more))


@contextlib.contextmanager
def database_of(bench: Bench) -> Iterator[Database]:
    database = Database(Settings.from_env(bench.gateway.env).database_url)
    try:
        yield database
    finally:
        database.close()


def visitor(bench: Bench, user: str = USER) -> Visitor:
    with database_of(bench) as database:
        accounts = AccountStore(database)
        if accounts.find(user) is None:
            accounts.create(user, "local", now=utc_now())
        secrets = Secrets(bench.gateway.data_dir)
        sessions = Sessions(SessionStore(database), secrets, utc_now, timedelta(hours=1))
        return Visitor(bench, sessions.begin(user))


@pytest.fixture
def carol(bench: Bench) -> Visitor:
    return visitor(bench)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_same_bytes_come_by_both_doors(carol: Visitor, script: str, stream: bool) -> None:
    here, there = carol.ask(script, stream=stream), carol.bench.ask(script, stream=stream)

    assert (here.status, here.body, here.clean) == (there.status, there.body, there.clean)
    assert set(here.headers) == set(there.headers)


def test_the_engine_sees_nothing_of_the_session(carol: Visitor) -> None:
    assert carol.ask("good").status == 200

    last = carol.bench.state()["last"].lower()
    for word in ("cookie", "csrf", "origin", carol.token.lower()):
        assert word not in last


@pytest.mark.parametrize(
    ("script", "stream"), [("never", True), ("never", False), ("endless", True)]
)
def test_the_engine_is_left_when_the_browser_stops(
    single: Bench, script: str, stream: bool
) -> None:
    browser = visitor(single)
    before, seen = single.state()["left"], single.state()["seen"]
    sock = connect(single.port)
    sock.sendall(browser.request(script, stream=stream))
    if script == "endless":
        assert sock.recv(65536)
    wait_until(lambda: single.state()["seen"] == seen + 1, what="the engine has the request")
    sock.close()

    wait_until(lambda: single.state()["left"] == before + 1, 0.6, "the engine was left")
    assert browser.ask("good").clean


def test_several_questions_go_over_one_connection(carol: Visitor) -> None:
    with connect(carol.bench.port) as sock:
        for _ in range(3):
            sock.sendall(carol.request("good", last=False))
            assert read_one(sock).status == 200


def test_a_strangers_body_is_not_even_invited(carol: Visitor) -> None:
    with connect(carol.bench.port) as sock:
        sock.sendall(carol.head(1000, "Expect: 100-continue", csrf="wrong"))
        refused = read_all(sock)
    with connect(carol.bench.port) as sock:
        body = carol.bench.body("good")
        sock.sendall(carol.head(len(body), "Expect: 100-continue", "Connection: close"))
        invited = sock.recv(100)
        sock.sendall(body)
        answered = read_all(sock)

    assert refused.status == 403
    assert b"100 Continue" not in refused.raw
    assert invited == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answered.status == 200


def test_two_cookies_of_one_name_are_no_way_to_be_two_people(carol: Visitor) -> None:
    other = visitor(carol.bench)
    twice = carol.request("good").replace(
        b"kscope_session=", f"kscope_session={other.token}; kscope_session=".encode()
    )
    reply = talk(carol.bench.port, twice)

    assert reply.status == 403, "the token that the page carries is of the other session"


def test_what_is_used_is_written_down_under_the_user_and_the_playgrounds_name(
    bench: Bench,
) -> None:
    dave = visitor(bench, "dave")

    def lines() -> dict[tuple[str, ...], int]:
        with database_of(bench) as database:
            by = (By.USER, By.KEY, By.MODEL)
            sums = UsageStore(database).sums(by, Question(user="dave"), UTC)
        return {each.names: each.line.requests for each in sums}

    for stream in (True, False, True):
        assert dave.ask("good", stream=stream).status == 200

    expected = {("dave", PORTAL_KEY, bench.model): 3}
    wait_until(lambda: lines() == expected, 10, "all three are written down")


def test_a_users_limit_holds_at_both_doors_together(single: Bench) -> None:
    browser = visitor(single)
    with database_of(single) as database:
        limits = LimitStore(database)
        limits.set(Scope.USER, USER, {"requests_per_minute": 1})
        try:
            wait_until(lambda: browser.ask("good").status == 429, 10, "the limit holds")
            refused = browser.ask("good")
        finally:
            limits.unset(Scope.USER, USER)

    assert refused.error["code"] == "rate_limit_exceeded"
    assert f"of the user {USER}" in refused.error["message"]
    assert int(refused.headers["retry-after"]) <= 60
    wait_until(lambda: browser.ask("good").status == 200, 10, "the limit is gone")


def test_who_logs_out_in_another_tab_finishes_what_was_begun_and_begins_no_more(
    carol: Visitor,
) -> None:
    with connect(carol.bench.port) as sock:
        sock.sendall(carol.request("drip"))
        first = sock.recv(100)
        with database_of(carol.bench) as database:
            SessionStore(database).end_all(USER)
        assert carol.ask("good").status == 401
        raw = first
        while piece := sock.recv(65536):
            raw += piece

    assert parse(raw).clean


def test_the_door_answers_in_json_even_to_who_asks_for_a_page(carol: Visitor) -> None:
    data = carol.head(2, "Accept: text/html", "Connection: close", csrf="wrong") + b"{}"
    reply = talk(carol.bench.port, data)

    assert reply.headers["content-type"] == "application/json"
    assert set(json.loads(reply.body)["error"]) == {"message", "type", "param", "code"}
    assert CHAT != PATH
