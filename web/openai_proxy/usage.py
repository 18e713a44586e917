"""Counts the tokens of an answer while its bytes pass by, without holding them up. Pure.

tap = tap_for(route.dialect, is_stream=True, injected=True, fingerprint=known)
while data := exchange.read():
    send(tap.feed(data))
send(tap.end())
record(tap.usage)
"""

from collections.abc import Iterator
from typing import Protocol

from web.openai_proxy.counts import Usage, content_mark, of_answer, of_event, of_tail
from web.openai_proxy.framing import EVENT_ENDS, end_of_last_event
from web.openai_proxy.table import Dialect
from web.openai_proxy.unasked import Unasked

__all__ = ["Tap", "Usage", "tap_for"]

MAX_ANSWER_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 4096
MAX_EVENT_BYTES = 1024 * 1024
_TELLS_USAGE = b'"usage"'


class Tap(Protocol):
    usage: Usage | None
    """What is known so far; of a stream that broke off, the part that was told."""

    content_events: int
    """Of a stream: events with a piece of the answer so far (see `counts.content_mark`)."""

    @property
    def fingerprint(self) -> bytes | None:
        """The engine's `system_fingerprint` as JSON, once known (see `unasked.py`)."""

    def feed(self, data: bytes) -> bytes:
        """What to pass on now of the bytes read so far."""

    def end(self) -> bytes:
        """What is left to pass on at the answer's true end."""

    def break_off(self) -> bytes:
        """What is left to pass on when the answer broke off, so that an error event may follow."""


def tap_for(
    dialect: Dialect, *, is_stream: bool, injected: bool, fingerprint: bytes | None = None
) -> Tap:
    """is_stream: the answer is an event stream (an error may be plain JSON to a stream's request).

    injected: `body.with_usage` asked for usage where the client did not.
    """
    if not is_stream:
        return _Whole(dialect, fingerprint)
    if injected and dialect is Dialect.OPENAI:
        return Unasked(fingerprint)
    return _Asked(dialect, fingerprint)


class _Whole:
    """A plain answer: all of it passes at once, and is read again at its end; of one that is too
    large, many embeddings for instance, only the last bytes, where vLLM tells the usage."""

    __slots__ = ("_dialect", "_pieces", "_size", "content_events", "fingerprint", "usage")

    def __init__(self, dialect: Dialect, fingerprint: bytes | None) -> None:
        self.usage: Usage | None = None
        self.content_events = 0
        self.fingerprint = fingerprint
        self._dialect = dialect
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        self._pieces.append(data)
        if self._size > MAX_ANSWER_BYTES:
            self._pieces = [b"".join(self._pieces)[-TAIL_BYTES:]]
        return data

    def end(self) -> bytes:
        body = b"".join(self._pieces)
        if _TELLS_USAGE in body:
            read = of_answer if self._size <= MAX_ANSWER_BYTES else of_tail
            self.usage = read(self._dialect, body)
        self._pieces.clear()
        return b""

    def break_off(self) -> bytes:
        return b""


class _Asked:
    """A stream whose client gets all of it: nothing is held, only remembered until it is whole."""

    __slots__ = (
        "_all_count",
        "_begun",
        "_content_mark",
        "_read",
        "content_events",
        "fingerprint",
        "usage",
    )

    def __init__(self, dialect: Dialect, fingerprint: bytes | None) -> None:
        self.usage: Usage | None = None
        self.content_events = 0
        self.fingerprint = fingerprint
        self._content_mark = content_mark(dialect)
        self._read = of_event(dialect)
        # There, the prompt's tokens come first and the answer's last; elsewhere the last tells all.
        self._all_count = dialect is Dialect.ANTHROPIC
        self._begun = bytearray()  # an event that is not yet complete

    def feed(self, data: bytes) -> bytes:
        self.content_events += data.count(self._content_mark)
        if self._begun or not data.endswith(EVENT_ENDS):
            self._gather(data)
        elif data.rfind(_TELLS_USAGE) >= 0:  # `in` takes three times as long
            self._inspect(data)
        return data

    def end(self) -> bytes:
        self._inspect(bytes(self._begun))
        self._begun.clear()
        return b""

    def break_off(self) -> bytes:
        return b"\n\n" if self._begun else b""

    def _gather(self, data: bytes) -> None:
        begun = self._begun
        unseen = max(len(begun) - 2, 0)
        begun += data
        end = end_of_last_event(begun, unseen)
        if end:
            self._inspect(bytes(begun[:end]))
            del begun[:end]
        if len(begun) > MAX_EVENT_BYTES:
            begun.clear()  # what is still to come of it will not be JSON

    def _inspect(self, events: bytes) -> None:
        lines = _lines_with_usage(events)
        if self._all_count:
            for line in reversed([*lines]):
                self.usage = self._read(line, self.usage)
            return
        for line in lines:
            if usage := self._read(line, None):
                self.usage = usage
                return


def _lines_with_usage(events: bytes) -> Iterator[bytes]:
    """The JSON of each event in which "usage" is told, the last one first."""
    end = len(events)
    while (found := events.rfind(_TELLS_USAGE, 0, end)) >= 0:
        start = events.rfind(b"\n", 0, found) + 1
        stop = events.find(b"\n", found)
        line = events[start : stop if stop >= 0 else len(events)]
        if line.startswith(b"data:"):
            yield line[len(b"data:") :]
        end = start
