"""Bad input, class "Keys": whatever is wrong with a key, it is the same 401, and the engine hears
nothing. That a wrong checksum costs no query is held in tests/web/identity/test_authenticator.py.
"""

from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.data_path.raw import CHAT, talk
from web.clock import utc_now
from web.config import Settings
from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.keys import new_key
from web.identity.store import KeyStore
from web.secrets import Secrets

PLACES = ("POST " + CHAT, "POST /v1/messages", "GET /v1/models", "GET /v1/responses/resp_1")

# Header lines by what is wrong. {good} is a good key; every other word is a key of `keys`.
MISSING = {
    "none": [],
    "empty": ["Authorization: "],
    "a scheme alone": ["Authorization: Bearer"],
    "in another header": ["X-Key: {good}", "Proxy-Authorization: Bearer {good}"],
    "in a cookie": ["Cookie: Authorization=Bearer {good}; key={good}"],
    "underscored header": ["X_Api_Key: {good}"],
}
INCORRECT = {
    "Basic": ["Authorization: Basic {good}"],
    "no scheme": ["Authorization: {good}"],
    "another scheme": ["Authorization: Token {good}"],
    "two blanks": ["Authorization: Bearer  {good}"],
    "in quotes": ['Authorization: Bearer "{good}"'],
    "wrong checksum": ["Authorization: Bearer {mistyped}"],
    "one character short": ["Authorization: Bearer {short}"],
    "another case": ["Authorization: Bearer {swapped}"],
    "unknown": ["Authorization: Bearer {unknown}"],
    "SQL": ["Authorization: Bearer ' OR 1=1 --"],
    "SQL behind the prefix": ["Authorization: Bearer sk-ks-' UNION SELECT 1 --"],
    "a pattern": ["Authorization: Bearer sk-ks-%"],
    "format text": ["Authorization: Bearer {{0}}%s{{7*7}}$(id)"],
    "not ASCII": ["Authorization: Bearer sk-ks-é"],
    "the stored hash": ["Authorization: Bearer {hash}"],
    "the public id": ["Authorization: Bearer {id}"],
    "4 KiB": ["Authorization: Bearer sk-ks-" + "x" * 4096],
    "two headers, a good one first": [
        "Authorization: Bearer {good}",
        "Authorization: Bearer {unknown}",
    ],
    "two headers, a good one last": [
        "Authorization: Bearer {unknown}",
        "Authorization: Bearer {good}",
    ],
    "two good ones": ["Authorization: Bearer {good}", "Authorization: Bearer {good}"],
    "two in one header": ["Authorization: Bearer {good}, Bearer {good}"],
    "revoked": ["Authorization: Bearer {revoked}"],
    "expired": ["Authorization: Bearer {expired}"],
    "disabled owner": ["Authorization: Bearer {disabled}"],
    "rotated without overlap": ["Authorization: Bearer {rotated}"],
    "an engine's word": ["Authorization: Bearer EMPTY"],
}


@pytest.fixture(scope="module")
def keys(bench) -> dict[str, str]:
    """A good key, and keys that were good once."""
    database = Database(Settings.from_env(bench.gateway.env).database_url)
    store, now = KeyStore(database, Secrets(bench.gateway.data_dir)), utc_now()
    good, revoked, rotated = (store.create("ada", "", 1, None, now)[1] for _ in range(3))
    expired = store.create("ada", "", 1, None, now - timedelta(days=2))[1]
    disabled = store.create("gone", "", 1, None, now)[1]
    store.revoke(revoked, now)
    store.rotate(rotated, timedelta(), 1, now)
    AccountStore(database).disable("gone", "cli:root", now)
    with database.read() as session:
        query = text("SELECT key_hash FROM api_keys WHERE id = :id")
        (kept,) = session.execute(query, {"id": good[6:14]}).one()
    database.close()
    return {
        "good": good,
        "mistyped": good[:-1] + ("x" if good[-1] != "x" else "y"),
        "short": good[:-1],
        "swapped": good.swapcase(),
        "unknown": new_key(lambda bound: 1),
        "hash": kept,
        "id": good[:14],
        "revoked": revoked,
        "expired": expired,
        "disabled": disabled,
        "rotated": rotated,
    }


def ask(bench, keys, place: str, lines: list[str], query: str = ""):
    method, _, path = place.partition(" ")
    body = bench.body("good") if method == "POST" else b""
    head = [
        f"{method} {path}{query} HTTP/1.1",
        "Host: gateway.test",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(line.format(**keys) for line in lines),
    ]
    return talk(bench.port, "\r\n".join(head).encode() + b"\r\n\r\n" + body)


def told(reply) -> tuple:
    """What a client can tell one refusal from another by."""
    return reply.error["type"], reply.error["message"], reply.error.get("code")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("lines", MISSING.values(), ids=MISSING)
def test_without_a_key_it_is_said_to_be_missing(bench, keys, place, lines):
    seen = bench.state()["seen"]

    reply = ask(bench, keys, place, lines)

    assert (reply.status, reply.clean) == (401, True)
    assert "You didn't provide an API key" in reply.error["message"]
    assert bench.state()["seen"] == seen


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("lines", INCORRECT.values(), ids=INCORRECT)
def test_every_bad_key_is_the_same_401(bench, keys, place, lines):
    seen = bench.state()["seen"]

    reply = ask(bench, keys, place, lines)

    assert (reply.status, reply.clean) == (401, True)
    unknown = ask(bench, keys, place, INCORRECT["unknown"])
    assert told(reply) == told(unknown)
    assert set(reply.headers) == set(unknown.headers)
    assert bench.state()["seen"] == seen


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["key", "api_key", "api-key", "access_token", "Authorization"])
def test_a_key_in_the_query_string_is_none(bench, keys, place, name):
    for value in (keys["good"], f"Bearer%20{keys['good']}"):
        reply = ask(bench, keys, place, [], f"?{name}={value}")
        assert reply.status == 401
        assert keys["good"] not in reply.raw.decode()


@pytest.mark.parametrize("place", PLACES)
def test_a_key_of_a_mebibyte_is_refused_before_it_is_looked_at(bench, keys, place):
    reply = ask(bench, keys, place, [f"Authorization: Bearer {'x' * 2**20}"])

    assert reply.status == 431
    assert reply.error["message"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("bad", ["unknown", "revoked", "expired", "disabled", "hash"])
def test_a_bad_key_in_anthropics_header_is_the_same_401(bench, keys, bad, place):
    reply = ask(bench, keys, place, [f"X-Api-Key: {{{bad}}}"])

    assert reply.status == 401
    assert told(reply) == told(ask(bench, keys, place, INCORRECT["unknown"]))


def test_a_good_key_beside_a_bad_authorization_opens_nothing(bench, keys):
    for lines in (
        ["Authorization: Bearer {unknown}", "X-Api-Key: {good}"],
        ["X-Api-Key: {good}", "Authorization: Basic {good}"],
    ):
        assert ask(bench, keys, "POST " + CHAT, lines).status == 401


@pytest.mark.parametrize("line", ["Authorization: Bearer {good}", "X-Api-Key: {good}"])
def test_the_good_key_of_all_these_tests_is_good(bench, keys, line):
    lines = [line]
    assert ask(bench, keys, "POST " + CHAT, lines).status == 200
    assert ask(bench, keys, "GET /v1/models", lines).status == 200


def test_no_key_of_these_tests_stands_in_the_log(bench, keys):
    log = bench.gateway.log_text()

    for name in ("good", "mistyped", "unknown", "revoked", "expired", "disabled", "hash"):
        assert keys[name] not in log
