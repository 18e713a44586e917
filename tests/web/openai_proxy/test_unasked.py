"""The usage we asked for is taken out again: what is left is what a direct call would have got."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.openai_proxy.streams import (
    COUNTS,
    CUTS,
    DONE,
    FINGERPRINT,
    TEXTS,
    Stream,
    chunk,
    event,
    split,
    token,
    usage_event,
)
from web.openai_proxy.table import Dialect
from web.openai_proxy.unasked import MAX_HELD_BYTES
from web.openai_proxy.usage import Tap, Usage, tap_for

KNOWN = json.dumps(FINGERPRINT).encode()
TOLD = Usage(14, 3)


def tap(fingerprint=None) -> Tap:
    return tap_for(Dialect.OPENAI, is_stream=True, injected=True, fingerprint=fingerprint)


def passed(reader: Tap, pieces) -> bytes:
    return b"".join([reader.feed(piece) for piece in pieces]) + reader.end()


STREAMS = st.builds(
    Stream,
    texts=TEXTS,
    choices=st.integers(1, 3),
    end=st.sampled_from(["\n", "\r\n"]),
    fingerprint=st.sampled_from([FINGERPRINT, None, 'odd "one" ü']),
    between=st.dictionaries(
        st.integers(0, 7), st.sampled_from([b": ping\n\n", b"event: x\ndata: y\n\n"])
    ),
)


@settings(max_examples=400)
@given(stream=STREAMS, cuts=CUTS, knows=st.booleans())
def test_however_it_arrives_it_equals_the_direct_answer(stream, cuts, knows):
    known = json.dumps(stream.fingerprint, ensure_ascii=False).encode() if knows else None
    reader = tap(known)
    assert passed(reader, split(stream.asked, cuts)) == stream.direct
    assert reader.usage == TOLD
    assert json.loads(reader.fingerprint) == stream.fingerprint


@settings(max_examples=100)
@given(texts=TEXTS, choices=st.integers(1, 2))
def test_complete_events_pass_in_the_call_that_completes_them(texts, choices):
    stream = Stream(texts, choices)
    reader = tap(KNOWN)
    so_far = b""
    for piece in stream.asked.split(b"\n\n")[:-1]:
        so_far += reader.feed(piece + b"\n\n")
        expected = stream.direct[: len(so_far)]
        assert so_far == expected
        assert so_far.endswith(b"\n\n")
    assert so_far == stream.direct


def test_only_the_ending_chunk_waits_for_an_unknown_fingerprint():
    direct, asked = Stream().direct, Stream().asked
    *tokens, ending, usage, done, _ = asked.split(b"\n\n")
    reader = tap()
    for piece in tokens:
        assert reader.feed(piece + b"\n\n") == piece + b"\n\n"
    assert reader.feed(ending + b"\n\n") == b""
    stamped = reader.feed(usage + b"\n\n")
    assert stamped + DONE == direct[-len(stamped + DONE) :]
    assert reader.feed(done + b"\n\n") == DONE
    assert reader.fingerprint == KNOWN


def test_other_choices_wait_behind_an_ending_one_only_until_they_are_many():
    ending, more = event(chunk(token("", 0, "stop"))), event(chunk(token("x" * 1000, 1)))
    reader = tap()
    fed = got = ending
    assert reader.feed(ending) == b""
    got = b""
    while not got:
        fed += more
        got = reader.feed(more)
        assert len(fed) < MAX_HELD_BYTES + 2 * len(more)
    assert got == fed
    assert reader.feed(more) == more


@pytest.mark.parametrize("finish", [None, "stop"])
def test_an_error_within_the_stream_passes_at_once_with_all_before_it(finish):
    first = event(chunk(token("a", 0, finish)))
    error = event({"error": {"message": "usage", "type": "x", "param": None, "code": 500}})
    reader = tap()
    assert reader.feed(first) + reader.feed(error) == first + error
    assert reader.feed(DONE) + reader.end() == DONE
    assert reader.usage is None


@pytest.mark.parametrize(
    "odd",
    [
        event(chunk(usage=None)),
        event(chunk(usage=7)),
        event(chunk(usage={"prompt_tokens": "many"})),
        event(chunk(usage={"prompt_tokens": -1})),
        event({**chunk(), "choices": None, "usage": COUNTS}),
        event({"usage": COUNTS}),
        event({"message": "usage", "usage": "no"}),
        b'data: {"choices":[],"usage":{"prompt_tokens":1}\n\n',
        b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":1}}\n\n',
        b'data: {"choices":[],"usage":' + b"[" * 5000 + b"\n\n",
        b'data: {"choices":[],"x":"\xff\xfe","usage":{}}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":1}}\ndata: x\n\n',
        b'{"choices":[],"usage":{"prompt_tokens":1}}\n\n',
        b': "usage"\n\n',
        b'data: "usage"\n\n',
    ],
)
def test_what_is_odd_passes_unchanged(odd):
    for pieces in ([odd, DONE], split(odd + DONE, range(10**5))):
        assert passed(tap(), pieces) == odd + DONE


@pytest.mark.parametrize("spaced", [b"data:", b"data:  ", b": hi\ndata: ", b"event: u\r\ndata: "])
def test_the_event_is_known_in_any_legal_spelling(spaced):
    text = json.dumps({"usage": COUNTS, "choices": []}, indent=None).encode()
    reader = tap()
    asked = event(chunk(token("a"))) + spaced + text + b"\n\n" + DONE
    assert passed(reader, split(asked, range(10**5))) == event(chunk(token("a"))) + DONE
    assert reader.usage == TOLD


def test_the_event_is_removed_even_when_the_stream_ends_without_an_empty_line():
    reader = tap()
    assert passed(reader, [event(chunk(token("a"))), usage_event()[:-2]]) == event(
        chunk(token("a"))
    )
    assert reader.usage == TOLD


@settings(max_examples=100)
@given(cuts=CUTS, texts=TEXTS)
def test_an_engine_that_always_tells_usage_keeps_telling_it(cuts, texts):
    # vLLM with --enable-force-include-usage: a direct call gets all of this.
    tokens = [event({**chunk(token(text)), "usage": COUNTS}) for text in ["", *texts]]
    tokens.append(event({**chunk(token("", 0, "stop")), "usage": COUNTS}))
    stream = b"".join(tokens) + usage_event(system_fingerprint=FINGERPRINT) + DONE
    reader = tap()
    assert passed(reader, split(stream, cuts)) == stream
    assert reader.usage == TOLD


def test_an_engine_that_stamps_each_chunk_gets_no_second_stamp():
    texts = [event({"system_fingerprint": "fp", **chunk(token(t, 0, f))}) for t, f in
             [("a", None), ("", "stop")]]  # fmt: skip
    asked = b"".join(texts) + usage_event(system_fingerprint="fp") + DONE
    for pieces in ([asked], split(asked, range(10**5))):
        assert passed(tap(), pieces) == b"".join(texts) + DONE


def test_a_beginning_that_shows_a_choice_passes_before_its_event_is_complete():
    whole = event(chunk(token("Hallo")))
    shown = whole.index(b'"index"')
    reader = tap()
    assert reader.feed(whole[: shown - 20]) == b""
    assert reader.feed(whole[shown - 20 : shown + 9]) == whole[: shown + 9]


@pytest.mark.parametrize("begun", [b"data: [DO", b"data: hello", b"<html>", b"data: [1, 2"])
def test_what_cannot_be_usage_is_not_held(begun):
    assert tap().feed(begun) == begun


@pytest.mark.parametrize("begun", [b"d", b"data: ", b": pi", b'data: {"id":"x","choices":['])
def test_what_may_be_usage_is_held_but_not_lost(begun):
    reader = tap()
    assert reader.feed(begun) == b""
    assert reader.end() == begun


def test_a_huge_event_is_not_held_in_memory():
    begun = b'data: {"id":"' + b"x" * (3 * MAX_HELD_BYTES)
    pieces = split(begun + b'"}\n\n' + usage_event() + DONE, range(0, 10**6, 5000))
    reader = tap()
    held = total = 0
    out = b""
    for piece in pieces:
        total += len(piece)
        out += reader.feed(piece)
        held = max(held, total - len(out))
    assert held <= MAX_HELD_BYTES
    assert out + reader.end() == begun + b'"}\n\n' + DONE


def test_a_huge_event_behind_a_waiting_one_lets_both_pass():
    ending, huge = event(chunk(token("", 0, "stop"))), event(chunk(token("x" * MAX_HELD_BYTES)))
    reader = tap()
    assert reader.feed(ending) == b""
    out = reader.feed(huge[:-9])
    assert out.startswith(ending + huge[:-100])
    assert out + passed(reader, [huge[-9:], usage_event(), DONE]) == ending + huge + DONE
    assert reader.usage == TOLD


def test_a_stream_that_breaks_off_leaves_room_for_an_error_event():
    whole = event(chunk(token("Hallo")))
    held, begun, between = tap(), tap(), tap()
    assert (held.feed(whole[:20]), held.break_off()) == (b"", b"")
    assert begun.feed(whole[:-30]) + begun.break_off() == whole[:-30] + b"\n\n"
    assert (between.feed(whole), between.break_off()) == (whole, b"")


def test_what_waits_is_passed_when_a_stream_breaks_off():
    ending = event(chunk(token("", 0, "stop")))
    reader = tap()
    assert (reader.feed(ending), reader.break_off()) == (b"", ending)
