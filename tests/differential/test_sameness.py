"""The comparison sees what it is for."""

import pytest

from tests.differential.sameness import comparable, engine_headers, joined, neutral
from tests.differential.served import Reply

ID_A, ID_B = b"0123456789abcdef", b"fedcba9876543210"


def test_the_clock_and_the_dice_make_no_difference() -> None:
    first = b'{"id":"resp_%b","created_at":17,"item":"msg_%b"}' % (ID_A, ID_B)
    other = b'{"id":"resp_%b","created_at":18,"item":"msg_%b"}' % (ID_B, ID_A)
    assert neutral(first) == neutral(other)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (b'{"a":1,"b":2}', b'{"b":2,"a":1}'),
        (b'{"a": 1}', b'{"a":1}'),
        (b"data: x\n\n", b"data: x\n"),
        (b'["resp_%b","resp_%b"]' % (ID_A, ID_A), b'["resp_%b","resp_%b"]' % (ID_A, ID_B)),
        (b'"resp_%b"' % ID_A, b'"resp_%b"' % (ID_A * 2)),
        (b'"resp_%b"' % ID_A, b'"msg_%b"' % ID_A),
        (b'{"created":1}', b'{"created":"1"}'),
        ("ü".encode(), b"\\u00fc"),
    ],
)
def test_every_other_byte_does(first: bytes, other: bytes) -> None:
    assert neutral(first) != neutral(other)


def test_a_lost_changed_or_moved_header_is_seen() -> None:
    sent = [("content-length", "2"), ("vary", "Origin"), ("date", "today")]
    whole = Reply(200, sent, b"{}")
    assert engine_headers(whole) == sent[:2]
    for changed in (sent[:1], [*sent[:1], ("vary", "*")], sent[1::-1], [*sent, ("x-new", "1")]):
        assert comparable(Reply(200, changed, b"{}")) != comparable(whole)
    assert comparable(Reply(201, sent, b"{}")) != comparable(whole)


def stream(*events: tuple[int, str], end: str = "data: [DONE]\n\n") -> bytes:
    frame = 'data: {"choices":[{"index":%d,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'
    return ("".join(frame % event for event in events) + end).encode()


SPREAD = stream((0, "Gr"), (0, "ü"), (1, 'a\\"'), (0, "ße"), (1, "b"))


def test_a_stream_is_the_same_however_its_tokens_are_spread() -> None:
    assert joined(stream((1, 'a\\"b'), (0, "Grüß"), (0, "e"))) == joined(SPREAD)


@pytest.mark.parametrize(
    "other",
    [
        SPREAD.replace("ü".encode(), b"u"),
        SPREAD.replace(b"null", b'"stop"', 1),
        SPREAD.replace(b'"delta"', b'"Delta"', 1),
        SPREAD + b": ping\n\n",
        SPREAD.removesuffix(b"\n"),
        stream((0, "Gr"), (0, "ü"), (1, 'a\\"'), (0, "ße"), (1, "b"), end=""),
        stream((0, "ü"), (0, "Gr"), (1, 'a\\"'), (0, "ße"), (1, "b")),
        stream((1, "Gr"), (1, "ü"), (0, 'a\\"'), (1, "ße"), (0, "b")),
    ],
)
def test_a_stream_with_anything_else_changed_is_not(other: bytes) -> None:
    assert other != SPREAD
    assert joined(other) != joined(SPREAD)
