"""When two answers are the same but for the clock, the dice and what a connection needs. Pure."""

from __future__ import annotations

import re

from tests.differential.served import Reply

# Of the connection, the hop's own, or of the gateway.
NOT_THE_ENGINES = {
    "connection",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
    "x-request-id",
}
OURS = "x-kscope-"

_TIMES = re.compile(rb'("(?:created|created_at|completed_at)": ?)\d+(?:\.\d+)?')
# As vLLM makes them: a kind, then hexadecimal digits (random_uuid).
# An event of a stream: what is written before, the piece of text, and what is written behind it.
_PIECE = re.compile(rb'(.*?"(?:content|text|delta|arguments)":")((?:[^"\\]|\\.)*)(".*)', re.DOTALL)
_CHOICE = re.compile(rb'"index":(\d+)')
_COUNTER = re.compile(rb'("sequence_number":)\d+')
_IDS = re.compile(rb"\b((?:[a-z]+[-_])+)([0-9a-f]{16,32})\b")


def comparable(reply: Reply) -> tuple[int, list[tuple[str, str]], bytes]:
    return reply.status, engine_headers(reply), neutral(reply.body)


def engine_headers(reply: Reply) -> list[tuple[str, str]]:
    """In the order and the spelling in which they came."""
    return [
        (name, value)
        for name, value in reply.headers
        if name.lower() not in NOT_THE_ENGINES and not name.lower().startswith(OURS)
    ]


def neutral(body: bytes) -> bytes:
    """Without seconds; random ids numbered as they appear, so that the same stays the same."""
    seen: dict[bytes, int] = {}

    def numbered(found: re.Match[bytes]) -> bytes:
        kind, digits = found.groups()
        return b"%b<%d digits, no. %d>" % (kind, len(digits), seen.setdefault(digits, len(seen)))

    return _IDS.sub(numbered, _TIMES.sub(rb"\1<second>", body))


def joined(body: bytes) -> object:
    """A stream, however its tokens were spread over events: for each choice its whole text and what
    stands around the pieces, in order, a run of alike ones once; and the last event.

    vLLM joins the tokens that a slow moment has left waiting and mixes the choices as they come, so
    two streams of one request may differ in this much, with or without a gateway.
    """
    events = _COUNTER.sub(rb"\1<n>", neutral(body)).split(b"\n\n")
    around: dict[bytes, list[bytes]] = {}
    texts: dict[bytes, list[bytes]] = {}
    for event in events:
        choice, piece = _CHOICE.search(event), _PIECE.fullmatch(event)
        key = choice.group(1) if choice else b""
        frame = b"%b<piece>%b" % piece.group(1, 3) if piece else event
        frames = around.setdefault(key, [])
        if frames[-1:] != [frame]:
            frames.append(frame)
        texts.setdefault(key, []).append(piece.group(2) if piece else b"")
    return around, {key: b"".join(pieces) for key, pieces in texts.items()}, events[-2:]
