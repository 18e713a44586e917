"""More requests than may be: told at once, while health and callbacks go on."""

import contextlib
import http.client
import json
import threading
from urllib.parse import urlsplit

import openai
import pytest

from tests.embedded.conftest import ENTRY, MODEL

MESSAGES = [{"role": "user", "content": "x"}]


def warm(gateway):
    gateway.client(max_retries=20).chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=1
    )
    return gateway


@contextlib.contextmanager
def one_stream_open(gateway):
    """While a request of ours is being answered."""
    connection = http.client.HTTPConnection(urlsplit(gateway.base_url).netloc, timeout=30)
    body = {
        "model": MODEL,
        "messages": MESSAGES,
        "stream": True,
        "simulator": {"hang_after_tokens": 1},
    }
    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    assert connection.getresponse().status == 200
    yield
    connection.close()


def refused(gateway):
    with pytest.raises(openai.InternalServerError) as overloaded:
        gateway.client().chat.completions.create(model=MODEL, messages=MESSAGES)
    return overloaded.value


@pytest.mark.parametrize(
    ("entry", "env"),
    [({**ENTRY, "max_requests": 1}, {}), (ENTRY, {"MAX_CONCURRENT_REQUESTS": "1"})],
    ids=["of one instance", "of the gateway"],
)
def test_beyond_the_bound_a_request_is_refused_at_once(make_gateway, entry, env):
    gateway = warm(make_gateway(entry, **env))
    with one_stream_open(gateway):
        error = refused(gateway)
        assert (error.status_code, error.code) == (503, "server_is_overloaded")
        assert error.response.headers["retry-after"]
        assert gateway.status("/health") == gateway.status("/ready") == 200
        assert gateway.model(MODEL)["state"] == "ready"
    # Its slot is free again as soon as the client has gone.
    answer = gateway.client(max_retries=5).chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=1
    )
    assert answer.choices


def test_a_crowd_at_a_cold_model_costs_one_job_and_does_not_hold_up_a_warm_one(make_gateway):
    cold = {**ENTRY, "name": "cold", "aliases": [], "engine_args": {"startup-seconds": 600}}
    gateway = warm(make_gateway(ENTRY, cold))
    statuses = []

    def insist():
        for _ in range(50):
            try:
                gateway.client().chat.completions.create(model="cold", messages=MESSAGES)
            except openai.APIStatusError as error:
                statuses.append(error.status_code)

    crowd = [threading.Thread(target=insist) for _ in range(8)]
    for client in crowd:
        client.start()
    served = 0
    while any(client.is_alive() for client in crowd):
        gateway.client().chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=1)
        served += 1
    assert statuses == [503] * 400
    assert served > 5
    assert gateway.model("cold")["job_id"] == "2"
