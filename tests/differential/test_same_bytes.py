"""Through the gateway every answer is the engine's own: status, headers, bytes."""

from __future__ import annotations

import json

import pytest

from tests.differential.asks import BOTH_ENGINES, BY_OPTIONS, SIMULATOR_ONLY, Ask
from tests.differential.sameness import comparable, engine_headers, joined, neutral
from tests.differential.served import REQUEST_ID, Served
from web.openai_proxy.table import ROUTES

# How often a stream is asked for until chance spreads its tokens alike (see `joined`).
TRIES = 4


def assert_same(served: Served, ask: Ask) -> None:
    through, direct = served.through(ask), served.direct(ask)
    by_chance = served.joins_tokens and "event-stream" in (direct.header("content-type") or "")
    for _ in range(TRIES - 1):
        if not by_chance or comparable(through) == comparable(direct):
            break
        through, direct = served.through(ask), served.direct(ask)

    assert through.header("x-kscope-instance"), "the gateway itself answered"
    assert through.header("x-request-id") == REQUEST_ID
    assert through.status == direct.status
    assert engine_headers(through) == engine_headers(direct)
    if by_chance:
        assert joined(through.body) == joined(direct.body)
    else:
        assert neutral(through.body) == neutral(direct.body)


@pytest.mark.parametrize("ask", BOTH_ENGINES, ids=lambda ask: ask.name)
def test_the_answer_is_the_engines(served: Served, ask: Ask) -> None:
    assert_same(served, ask)


@pytest.mark.parametrize("served", ["simulator"], indirect=True, scope="package")
@pytest.mark.parametrize("ask", SIMULATOR_ONLY, ids=lambda ask: ask.name)
def test_an_engines_failure_is_passed_on_as_it_is(served: Served, ask: Ask) -> None:
    assert_same(served, ask)


def test_every_route_is_asked_for_and_each_request_has_a_name_of_its_own() -> None:
    names = [ask.name for ask in (*BOTH_ENGINES, *SIMULATOR_ONLY)]
    assert {ask.path for ask in BOTH_ENGINES} == set(ROUTES)
    assert len(set(names)) == len(names) >= 60


def usage_events(body: bytes) -> list[object]:
    told = [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]
    return [event["usage"] for event in told if event.get("usage")]


@pytest.mark.parametrize("ask", BY_OPTIONS, ids=lambda ask: ask.name)
def test_usage_is_seen_by_those_who_asked_and_by_no_others(served: Served, ask: Ask) -> None:
    options = json.loads(ask.body).get("stream_options") or {}
    reply = served.through(ask)

    assert reply.status == 200
    assert reply.body.endswith(b"data: [DONE]\n\n")
    assert bool(usage_events(reply.body)) == options.get("include_usage", False)
