"""What a running gateway relays and refuses is what its /openapi.json says, header by header."""

import http.client
import json

import pytest

from tests.embedded.conftest import MODEL
from tests.openapi import faults, resolve
from tests.waiting import wait_until

SAID = [{"role": "user", "content": "hello"}]
CHAT = {"model": MODEL, "messages": SAID, "max_tokens": 2}
# Of HTTP itself, or the engine's own.
ORDINARY = {
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "date",
    "server",
    "vary",
}
ASKED = {
    "chat": ("/v1/chat/completions", CHAT, 200),
    "chat, streamed": ("/v1/chat/completions", {**CHAT, "stream": True}, 200),
    "completions": ("/v1/completions", {"model": MODEL, "prompt": "x", "max_tokens": 2}, 200),
    "responses": ("/v1/responses", {"model": MODEL, "input": "x", "max_output_tokens": 2}, 200),
    "messages": ("/v1/messages", CHAT, 200),
    "messages, counted": ("/v1/messages/count_tokens", {"model": MODEL, "messages": SAID}, 200),
    "tokenize": ("/v1/tokenize", {"model": MODEL, "prompt": "x"}, 200),
    "no object": ("/v1/chat/completions", [], 400),
    "no model": ("/v1/chat/completions", {}, 400),
    "no model, by Anthropic's clients": ("/v1/messages", {}, 400),
    "unknown model": ("/v1/chat/completions", {**CHAT, "model": "other"}, 404),
    "unknown model, by Anthropic's clients": ("/v1/messages", {**CHAT, "model": "other"}, 404),
}


def ask(gateway, path, body=None, key="", method="POST"):
    """(status, headers in lower case, body)"""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    headers = {"Authorization": f"Bearer {key or gateway.key}", "Content-Type": "application/json"}
    sent = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, sent, headers)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, told, answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def document(gateway):
    return json.loads(ask(gateway, "/openapi.json", method="GET")[2])


@pytest.fixture(scope="module")
def key(gateway):
    """Of somebody whose requests and tokens are limited."""
    made = gateway.cli("keys", "create", "--user", "limited").strip()
    options = ("--requests-per-minute=100", "--tokens-per-minute=100000")
    gateway.cli("limits", "set", "--user", "limited", *options)

    def is_in_force():
        return "x-ratelimit-limit-tokens" in ask(gateway, "/v1/chat/completions", CHAT, made)[1]

    wait_until(is_in_force, 10)
    return made


def undescribed(document, path, status, headers):
    told = resolve(document["paths"][path]["post"]["responses"][str(status)], document)
    return set(headers) - ORDINARY - {name.lower() for name in told["headers"]}


@pytest.mark.parametrize("case", ASKED)
def test_every_header_that_a_client_gets_is_described(gateway, document, key, case):
    path, body, status = ASKED[case]
    got, headers, _ = ask(gateway, path, body, key)

    assert got == status
    assert undescribed(document, path, status, headers) == set()
    if status == 200:
        assert {"x-request-id", "x-kscope-instance", "x-ratelimit-reset-tokens"} <= set(headers)


@pytest.mark.parametrize("case", [case for case, asked in ASKED.items() if asked[2] != 200])
def test_every_refusal_has_the_form_that_is_described(gateway, document, key, case):
    path, body, status = ASKED[case]
    _, _, told = ask(gateway, path, body, key)
    described = resolve(document["paths"][path]["post"]["responses"][str(status)], document)

    schema = described["content"]["application/json"]["schema"]
    assert faults(json.loads(told), schema, document) == []


def test_a_limit_is_told_as_described(gateway, document):
    key = gateway.cli("keys", "create", "--user", "stopped").strip()
    gateway.cli("limits", "set", "--user", "stopped", "--requests-per-minute=0")
    got = []

    def is_refused():
        got[:] = ask(gateway, "/v1/chat/completions", CHAT, key)
        return got[0] == 429

    wait_until(is_refused, 10)
    _, headers, told = got
    assert undescribed(document, "/v1/chat/completions", 429, headers) == set()
    assert "retry-after" in headers
    assert json.loads(told)["error"]["code"] == "rate_limit_exceeded"
