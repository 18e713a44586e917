"""What is written down of real requests: no more and no less than clients and engines saw."""

import http.client
import json
import threading
import time
from collections import Counter

import pytest

from tests.embedded.accounts import (
    CHAT,
    MESSAGES,
    chat_body,
    engine_counters,
    opened,
    post,
    written,
    written_requests,
)
from tests.embedded.conftest import ENTRY, MODEL
from tests.postgres import running_postgres
from tests.waiting import wait_until
from web.usage.periods import By

LOST_AT_MOST_S = 5.0
WARMING = 2
POOLING = {
    **ENTRY,
    "name": "pool",
    "aliases": [],
    "engine_args": {"startup-seconds": 0.1, "runner": "pooling"},
}


def warm(gateway, model=MODEL, path=CHAT):
    def serves():
        status, _ = post(gateway, path, {**chat_body(model, 1), "input": "x"})
        return status == 200

    wait_until(serves, 40, f"{model} serves")


def test_every_kind_of_answer_counts_what_its_engine_told(make_gateway):
    gateway = make_gateway(ENTRY, POOLING)
    warm(gateway)
    warm(gateway, "pool", "/v1/embeddings")
    stream = {"stream": True}
    asked = [
        (CHAT, chat_body(MODEL)),
        (CHAT, chat_body(MODEL, 7, **stream)),
        (CHAT, chat_body(MODEL, 7, **stream, stream_options={"include_usage": True})),
        ("/v1/completions", {"model": MODEL, "prompt": "a b c", "max_tokens": 5}),
        ("/v1/completions", {"model": MODEL, "prompt": "a b c", "max_tokens": 5, **stream}),
        ("/v1/responses", {"model": MODEL, "input": "a b", "max_output_tokens": 6}),
        ("/v1/responses", {"model": MODEL, "input": "a b", "max_output_tokens": 6, **stream}),
        ("/v1/messages", {**chat_body(MODEL, 3)}),
        ("/v1/messages", {**chat_body(MODEL, 3), **stream}),
        ("/v1/embeddings", {"model": "pool", "input": ["a b c", "d"]}),
        ("/v1/score", {"model": "pool", "text_1": "a", "text_2": ["b", "c"]}),
        ("/v1/rerank", {"model": "pool", "query": "a", "documents": ["b", "c"]}),
        ("/tokenize", {"model": MODEL, "prompt": "a b c"}),
        ("/v1/messages/count_tokens", {"model": MODEL, "messages": MESSAGES}),
    ]
    wait_until(lambda: written_requests(gateway) == WARMING, what="what warmed it is written")
    before, counted = written(gateway, By.MODEL), engine_counters(gateway, MODEL)
    answers = [post(gateway, path, body) for path, body in asked]
    assert {status for status, _ in answers} == {200}
    engine = [b - a for a, b in zip(counted, engine_counters(gateway, MODEL), strict=True)]
    pool = sum(json.loads(answer)["usage"]["prompt_tokens"] for _, answer in answers[9:12])
    gateway.stop()
    after = written(gateway, By.MODEL)
    assert tokens(after, MODEL) - tokens(before, MODEL) == Counter(
        prompt=engine[0], completion=engine[1], requests=11
    )
    assert tokens(after, "pool") - tokens(before, "pool") == Counter(prompt=pool, requests=3)
    for line in after.values():
        assert (line.errors, line.aborted, line.estimated_tokens) == (0, 0, 0)


def tokens(lines, model):
    line = lines[(model,)]
    return Counter(
        prompt=line.prompt_tokens, completion=line.completion_tokens, requests=line.requests
    )


def test_what_never_reached_an_engine_counts_nothing(make_gateway):
    gateway = make_gateway()
    status, body = post(gateway, CHAT, chat_body(MODEL))
    assert (status, json.loads(body)["error"]["code"]) == (503, "model_starting")
    assert post(gateway, CHAT, chat_body("unknown"))[0] == 404
    assert post(gateway, CHAT, {"model": 5})[0] == 400
    gateway.stop()
    assert written(gateway) == {}


def test_answers_that_are_none_count_as_errors_and_those_that_broke_off_by_estimate(make_gateway):
    gateway = make_gateway()
    warm(gateway)

    def simulated(**faults):
        return chat_body(MODEL, 9, simulator=faults)

    assert post(gateway, CHAT, simulated(fail_with=500))[0] == 500
    assert post(gateway, CHAT, chat_body(MODEL, max_tokens=-1))[0] == 400
    assert post(gateway, CHAT, simulated(cut_after_tokens=3))[0] == 502
    errors = written_after(gateway, 4)
    assert (errors.errors, errors.aborted, errors.estimated_tokens) == (3, 0, 0)

    cut = opened(gateway, simulated(cut_after_tokens=4))
    with cut as stream, pytest.raises(http.client.IncompleteRead):
        stream.read()
    broken = written_after(gateway, 5)
    assert (broken.errors, broken.aborted) == (4, 0)
    # The role's chunk and the four tokens that came.
    assert broken.completion_tokens - errors.completion_tokens == 5
    assert broken.estimated_tokens == prompt_and(5, cut_after_tokens=4)

    with opened(gateway, simulated(hang_after_tokens=2)) as stream:
        seen = b""
        while seen.count(b"data: ") < 3:
            seen += stream.read1()
    left = written_after(gateway, 6)
    assert (left.errors, left.aborted) == (4, 1)
    assert left.estimated_tokens - broken.estimated_tokens == prompt_and(3, hang_after_tokens=2)


def written_after(gateway, requests):
    wait_until(lambda: written_requests(gateway) == requests, 6, f"{requests} requests written")
    return written(gateway)[()]


def prompt_and(events, **faults):
    """What is assumed of a stream (`web.usage.counting`), by the bytes that go to the engine."""
    sent = {**chat_body(MODEL, 9, simulator=faults), "stream": True}
    sent["stream_options"] = {"include_usage": True}
    # Our member of the body is put in without spaces, and what the client sent has them.
    loose, tight = len(json.dumps(sent)), len(json.dumps(sent, separators=(",", ":")))
    return pytest.approx((loose + tight) / 8 + events, abs=(loose - tight) / 8 + 2)


def test_a_clean_stop_loses_nothing_of_what_was_served_until_the_last_moment(make_gateway):
    gateway = make_gateway()
    warm(gateway)
    slow = chat_body(MODEL, 30, simulator={"tokens_per_second": 15, "answer_tokens": 30})
    with opened(gateway, slow) as stream:
        begun = stream.read1()
        for _ in range(20):
            assert post(gateway, CHAT, chat_body(MODEL))[0] == 200
        rest = []
        reader = threading.Thread(target=lambda: rest.append(stream.read()))
        reader.start()
        gateway.stop()
        reader.join()
    assert (begun + rest[0]).endswith(b"data: [DONE]\n\n")
    line = written(gateway)[()]
    assert (line.requests, line.errors, line.aborted) == (22, 0, 0)
    assert line.completion_tokens == 1 + 20 * 4 + 30


def test_a_gateway_that_is_killed_loses_five_seconds_of_usage_at_most(make_gateway):
    gateway = make_gateway()
    warm(gateway)
    served_at = []
    until = time.monotonic() + LOST_AT_MOST_S + 3
    while time.monotonic() < until:
        assert post(gateway, CHAT, chat_body(MODEL))[0] == 200
        served_at.append(time.monotonic())
    killed_at = time.monotonic()
    gateway.kill9()
    old_enough = sum(at < killed_at - LOST_AT_MOST_S for at in served_at)
    assert old_enough > 10
    assert old_enough < written_requests(gateway) <= len(served_at) + 1


def test_postgresql_restarted_under_load_counts_nothing_twice_and_loses_nothing(make_gateway):
    with running_postgres() as server:
        gateway = make_gateway(DATABASE_URL=server.url)
        warm(gateway)
        served, stop = Counter(requests=1, completion=1), threading.Event()
        lock = threading.Lock()

        def ask(size):
            while not stop.is_set():
                status, answer = post(gateway, CHAT, chat_body(MODEL, size))
                if status == 200:
                    with lock:
                        served["requests"] += 1
                        served["completion"] += json.loads(answer)["usage"]["completion_tokens"]
                else:  # who asks cannot be told without the database: refused, and not counted
                    assert status == 503, answer

        askers = [threading.Thread(target=ask, args=(size,)) for size in (3, 4, 5)]
        for asker in askers:
            asker.start()
        for _ in range(4):
            seen = served["requests"]
            wait_until(lambda seen=seen: served["requests"] > seen + 100, 40, "more is served")
            server.stop()
            server.start()
        seen = served["requests"]
        wait_until(lambda: served["requests"] > seen + 50, 40, "it is served again")
        stop.set()
        for asker in askers:
            asker.join()
        gateway.stop()
        line = written(gateway)[()]
        assert (line.requests, line.completion_tokens) == (
            served["requests"],
            served["completion"],
        )
        assert (line.errors, line.aborted) == (0, 0)
