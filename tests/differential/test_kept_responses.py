"""A response that its engine keeps is found through the gateway as it is found directly."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from tests.differential.asks import GENERATING, Ask, encoded
from tests.differential.sameness import engine_headers
from tests.differential.served import Served, request
from tests.vllm.cases import RESPONSES
from tests.vllm.conftest import BOTH


@pytest.fixture
def made(served: Served) -> str:
    """The id of a response that was asked for through the gateway."""
    body = {"model": GENERATING, "input": "Grüße", "max_output_tokens": 5, "store": True}
    reply = served.through(Ask("made", RESPONSES, encoded(body)))
    assert reply.status == 200
    return str(json.loads(reply.body)["id"])


@pytest.mark.parametrize(("method", "rest", "status"), [("GET", "", 200), ("POST", "/cancel", 400)])
def test_a_kept_response_is_the_same_both_ways(
    served: Served, made: str, method: str, rest: str, status: int
) -> None:
    path = f"{RESPONSES}/{made}{rest}"
    netloc = urlsplit(served.gateway.base_url).netloc
    through = request(netloc, served.gateway.key, method, path)
    direct = request(*served.engines[GENERATING], method, path)

    assert (through.status, direct.status) == (status, status)
    assert through.body == direct.body
    assert engine_headers(through) == engine_headers(direct)
    assert made.encode() in through.body or status == 400


def test_what_follows_a_kept_response_is_the_same_both_ways(served: Served, made: str) -> None:
    body = {"model": GENERATING, "input": "Und?", "max_output_tokens": 5, "temperature": 0}
    alone, following = encoded(body), encoded({**body, "previous_response_id": made})

    through = json.loads(served.through(Ask("through", RESPONSES, following)).body)
    direct = json.loads(served.direct(Ask("direct", RESPONSES, following)).body)
    unled = json.loads(served.direct(Ask("alone", RESPONSES, alone)).body)

    said = [each["output"][0]["content"][0]["text"] for each in (through, direct)]
    assert said[0] == said[1]
    assert through["previous_response_id"] == direct["previous_response_id"] == made
    tokens = [each["usage"]["input_tokens"] for each in (through, direct, unled)]
    assert tokens[0] == tokens[1] > tokens[2]


def test_a_response_made_without_the_gateway_is_not_found_through_it(served: Served) -> None:
    body = encoded({"model": GENERATING, "input": "Grüße", "max_output_tokens": 5})
    made = json.loads(served.direct(Ask("direct", RESPONSES, body)).body)["id"]
    netloc = urlsplit(served.gateway.base_url).netloc
    reply = request(netloc, served.gateway.key, "GET", f"{RESPONSES}/{made}")
    assert reply.status == 404


@pytest.mark.parametrize("served", BOTH[1:], indirect=True, scope="package")
def test_a_response_in_the_background_is_cancelled(served: Served) -> None:
    """The simulator has none of these."""
    netloc = urlsplit(served.gateway.base_url).netloc
    body = {"model": GENERATING, "input": "Grüße", "background": True, "ignore_eos": True}
    queued = served.through(Ask("queued", RESPONSES, encoded(body)))
    path = f"{RESPONSES}/{json.loads(queued.body)['id']}"

    cancelled = request(netloc, served.gateway.key, "POST", f"{path}/cancel")
    through = request(netloc, served.gateway.key, "GET", path)
    direct = request(*served.engines[GENERATING], "GET", path)

    assert (queued.status, cancelled.status, through.status) == (200, 200, 200)
    assert json.loads(cancelled.body)["status"] == "cancelled"
    assert through.body == direct.body == cancelled.body
