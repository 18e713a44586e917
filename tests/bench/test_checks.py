"""A load test that passes with wrong answers is worse than none: each kind of wrong is found."""

import pytest

from bench.clients.connection import body_of
from bench.clients.paced import Stream, is_over, run_paced
from bench.cores import Cores
from bench.measures.expected import expected_of
from bench.processes import HOST, free_port
from bench.subjects.subject import Subject
from bench.upstream.answers import build_answers, request_body
from bench.wrk import Expected, Wrk, WrongAnswers
from tests.parts import need

BODY = request_body("json", 1)
RIGHT = build_answers().expected_json


@pytest.fixture
def wrk(tmp_path):
    return Wrk(str(need("wrk", "wrk")), Cores(None, None), tmp_path)


def test_a_round_counts_answers_that_are_right_to_the_byte(upstream, wrk):
    found = wrk.run(upstream, BODY, Expected(200, RIGHT, exact=True), 2, 1)

    assert found.per_second > 10
    assert 0 < found.p50_ms <= found.p99_ms


@pytest.mark.parametrize(
    "expected",
    [
        Expected(200, RIGHT[:-1], exact=True),
        Expected(201, RIGHT, exact=True),
        Expected(200, b'"object"\nnot in it', exact=False),
        Expected(200, b'"object"', exact=False, length=len(RIGHT) + 1),
    ],
    ids=["another body", "another status", "a line is missing", "another length"],
)
def test_a_round_with_wrong_answers_has_no_figures(upstream, wrk, expected):
    with pytest.raises(WrongAnswers, match="0 good answers"):
        wrk.run(upstream, BODY, expected, 1, 1)


def test_a_round_that_nobody_answers_has_no_figures(wrk):
    nobody = Subject("nobody", f"http://{HOST}:{free_port()}")

    with pytest.raises(WrongAnswers):
        wrk.run(nobody, BODY, Expected(200, RIGHT, exact=True), 1, 1)


def test_a_peer_that_writes_answers_anew_is_held_to_every_word_of_its_first(upstream):
    free_hand = Subject("peer", upstream.base_url, exact=False)

    assert expected_of(free_hand, "json").length == len(RIGHT)
    with pytest.raises(WrongAnswers):
        expected_of(Subject("peer", f"http://{HOST}:{free_port()}", exact=False), "fast")


def test_only_a_whole_chunked_answer_has_a_body():
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    assert body_of(whole) == b"abcde"
    assert body_of(whole[:-5]) is None, "the end is missing"
    assert body_of(whole.replace(b"\nabc\r", b"\nabcd\r")) is None, "a chunk of another length"
    assert body_of(whole.replace(b"200 OK", b"500 No")) is None


def test_paced_streams_are_counted_whole_and_their_gaps_are_the_upstreams_pace(upstream):
    whole, broken = run_paced(upstream, clients=3, seconds=0.1)

    assert (len(whole), broken) == (3, 0)
    gaps = sorted(gap for stream in whole for gap in stream.gaps_s)
    assert len(gaps) >= 3 * 60
    assert 0.01 < gaps[len(gaps) // 2] < 0.04


def test_the_first_event_may_come_with_the_head_or_after_it():
    together = Stream(1.0, [b"HTTP/1.1 200 OK\r\n\r\ndata: a", b"data: b"], [1.5, 2.0])
    apart = Stream(1.0, [b"HTTP/1.1 200 OK\r\n\r\n", b"data: a", b"data: b"], [1.2, 1.5, 2.0])

    assert (together.ttft_s, together.gaps_s) == (0.5, [0.5])
    assert (apart.ttft_s, apart.gaps_s) == (0.5, [0.5])


def test_an_answer_is_over_at_its_last_chunk_however_it_was_cut_into_reads():
    head = b"HTTP/1.1 200 OK\r\nx-kscope-overhead-ms: 0.20\r\n\r\n"

    assert not is_over([head])
    assert not is_over([head, b"3\r\nabc\r\n", b"0\r"])
    assert is_over([head, b"3\r\nabc\r\n", b"0\r", b"\n\r\n"])
    assert is_over([head, b""])
