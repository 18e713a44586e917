"""`Prefer: wait=N`: a cold model's request is held, and answered when the model is ready."""

import http.client
import json
import threading
import time
from urllib.parse import urlsplit

import pytest

from tests.embedded.conftest import ENTRY, MODEL
from tests.waiting import wait_until
from web.openai_proxy import waiting
from web.openai_proxy.waiting import preferred_wait_s

SLOW = {**ENTRY, "engine_args": {"startup-seconds": 2}}
NEVER = {**ENTRY, "engine_args": {"startup-seconds": 600}}


def ask(gateway, wait, **changes):
    """(status, headers, body) of one request that prefers to wait."""
    connection = http.client.HTTPConnection(urlsplit(gateway.base_url).netloc, timeout=60)
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}], "max_tokens": 3}
    headers = {
        "Authorization": f"Bearer {gateway.key}",
        "Content-Type": "application/json",
        "Prefer": f"wait={wait}",
    }
    connection.request("POST", "/v1/chat/completions", json.dumps({**body, **changes}), headers)
    answer = connection.getresponse()
    try:
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("wait=30", 30),
        ("respond-async, wait=100", 100),
        ('Wait = "7"; x=y', 7),
        ("wait=-1", 0),
        ("wait=soon", 0),
        ("nowait=5", 0),
        ("wait=99999999", 0),
    ],
)
def test_the_preference_is_read_as_rfc_7240_writes_it(prefer, seconds):
    assert preferred_wait_s(prefer) == seconds


def test_a_held_request_is_answered_when_the_model_is_ready(make_gateway):
    gateway = make_gateway(SLOW)
    status, headers, body = ask(gateway, wait=60)
    assert status == 200
    assert headers["preference-applied"] == "wait=60"
    assert json.loads(body)["choices"]


def test_a_held_stream_is_streamed_when_the_model_is_ready(make_gateway):
    gateway = make_gateway(SLOW)
    status, headers, body = ask(gateway, wait=60, stream=True)
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert body.startswith("data: ")
    assert body.endswith("data: [DONE]\n\n")


def test_a_wait_that_ends_badly_is_a_proper_error(make_gateway):
    gateway = make_gateway(NEVER)
    asked_at = time.monotonic()
    status, headers, body = ask(gateway, wait=2)
    assert status == 503
    assert time.monotonic() - asked_at > 1.5
    assert json.loads(body)["error"]["code"] == "model_starting"
    assert headers["retry-after"]


def test_many_held_requests_cost_one_job_and_are_all_answered(make_gateway):
    gateway = make_gateway(SLOW)
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ask(gateway, wait=60)[0]))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 20
    assert gateway.model(MODEL)["job_id"] == "1"


def test_more_than_may_be_held_are_told_at_once(make_gateway):
    gateway = make_gateway(NEVER, MAX_HELD_REQUESTS="1")
    assert gateway.key
    enough = threading.Event()

    def occupy():
        while not enough.is_set():
            ask(gateway, wait=3)

    def refused_at_once():
        asked_at = time.monotonic()
        status, _, _ = ask(gateway, wait=2)
        return status == 503 and time.monotonic() - asked_at < 1

    holder = threading.Thread(target=occupy)
    holder.start()
    try:
        wait_until(refused_at_once, 30, "a second request is not held")
    finally:
        enough.set()
        holder.join()


def test_what_prefers_nothing_is_refused_at_once(make_gateway):
    gateway = make_gateway(NEVER)
    assert ask(gateway, wait=0)[0] == 503


def test_a_held_stream_is_kept_alive_by_comments_once_it_must(monkeypatch, make_gateway):
    assert waiting.SILENT_S == 30
    assert waiting.COMMENT.startswith(b":")
