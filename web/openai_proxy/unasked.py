"""Takes back out of a stream what is in it only because we asked for usage and the client did not.

vLLM 0.32 changes two things in a chat or completions stream when `include_usage` is set: it adds an
event with `choices: []` and the usage, and it tells `system_fingerprint` there instead of in the
chunk that ends each choice (openai/chat_completion/serving.py: "the trailing usage chunk below
overrides this as the true final message"). So that event is removed, and its fingerprint is put
where it would have been. An ending chunk waits for it, in practice a millisecond; once the
engine's fingerprint is known from an earlier answer, it need not wait. Pure.
"""

import re
from itertools import pairwise

from web.openai_proxy.counts import Usage, content_mark, read_chunk
from web.openai_proxy.framing import EVENT_ENDS, end_of_last_event
from web.openai_proxy.table import Dialect

# Events with usage have a few hundred bytes.
MAX_HELD_BYTES = 64 * 1024
CONTENT_MARK = content_mark(Dialect.OPENAI)
_TELLS_USAGE = b'"usage"'
# As vLLM writes it. Within a JSON text the quotes would be escaped, so this is always a member.
_ENDS_CHOICE = b'"finish_reason":"'
_FINISH = b'"finish_reason"'
_FINGERPRINT = b'"system_fingerprint"'

_end = re.compile(rb"\n\r?\n")
_data = re.compile(rb"^data:([^\r\n]*)", re.MULTILINE)
_a_choice = re.compile(rb'"choices"\s*:\s*\[\s*[^\s\]]')
_usage_object = re.compile(rb'"usage"\s*:\s*\{')
_lines_before_data = re.compile(rb"(?:(?:event|id|retry)?:[^\n]*\n)*")
_LINE_STARTS = (b"data:", b"event:", b"id:", b"retry:", b":")
# What may turn out to be the end of an event, or the beginning of `"finish_reason"`.
_undecided = re.compile(
    b"(?:" + b"|".join(_FINISH[:n] for n in range(len(_FINISH), 0, -1)) + rb"|\n\r?)\Z"
)


class Unasked:
    """A `Tap`. Complete events pass in the call that completes them; of one that is not complete,
    only what may still have to be changed is held."""

    __slots__ = (
        "_begun",
        "_part",
        "_told_anyway",
        "_waiting",
        "content_events",
        "fingerprint",
        "usage",
    )

    def __init__(self, fingerprint: bytes | None = None) -> None:
        """fingerprint: a JSON text or `null`, from an earlier answer of this engine."""
        self.usage: Usage | None = None
        self.content_events = 0
        self.fingerprint = fingerprint
        self._part = b""  # of an event that is not complete: what is held of it
        self._begun = False  # the event's beginning was passed on
        self._waiting: list[bytes] = []  # from the first event that lacks the fingerprint
        self._told_anyway = False  # the engine tells usage whether asked or not

    def feed(self, data: bytes) -> bytes:
        self.content_events += data.count(CONTENT_MARK)
        if self._part or self._begun or self._waiting or not data.endswith(EVENT_ENDS):
            return self._piecewise(data)
        return self._events(data)

    def end(self) -> bytes:
        part, self._part = self._part, b""
        return (self._event(part) if part else b"") + self._release()

    def break_off(self) -> bytes:
        return self._release() + (b"\n\n" if self._begun else b"")

    def _piecewise(self, data: bytes) -> bytes:
        data = self._part + data
        end = end_of_last_event(data)
        passed = self._events(data[:end]) if end else b""
        return passed + self._partial(data[end:])

    def _events(self, events: bytes) -> bytes:
        """Whole events; but for a few in each stream they pass unseen."""
        # rfind takes a third of the time of `in`.
        if events.rfind(_TELLS_USAGE) < 0 and events.rfind(_ENDS_CHOICE) < 0 and not self._waiting:
            self._begun = False
            return events
        starts = [0, *(match.end() for match in _end.finditer(events))]
        return b"".join(self._event(events[start:end]) for start, end in pairwise(starts))

    def _event(self, event: bytes) -> bytes:
        if event.rfind(_TELLS_USAGE) >= 0 and self._note(event):
            return self._release()
        self._begun = False
        if self._lacks_fingerprint(event):
            if self.fingerprint is None:
                self._waiting.append(event)
                return b""
            event = self._stamped(event)
        return self._behind_waiting(event)

    def _note(self, event: bytes) -> bool:
        """Read an event that tells usage; True when it is there only because we asked."""
        if self._begun:  # only the beginning of an event with choices is passed on
            self._told_anyway = self._told_anyway or bool(_usage_object.search(event))
            return False
        found = _data.findall(event)
        chunk = read_chunk(found[0]) if len(found) == 1 else None
        if chunk is None or chunk.usage is None:
            return False
        self.usage = chunk.usage.usage()
        if not chunk.only_tells_usage:
            # vLLM with --enable-force-include-usage does this in each chunk.
            self._told_anyway = self._told_anyway or bool(chunk.choices)
            return False
        if self._told_anyway:
            return False
        self.fingerprint = bytes(chunk.system_fingerprint)
        return True

    def _lacks_fingerprint(self, event: bytes) -> bool:
        return (
            not self._told_anyway
            and self.fingerprint != b"null"
            and event.rfind(_ENDS_CHOICE) >= 0
            and event.rfind(_FINGERPRINT) < 0
        )

    def _stamped(self, event: bytes) -> bytes:
        if self.fingerprint in (None, b"null"):
            return event
        brace = event.rfind(b"}")
        return b"%s,%s:%s%s" % (event[:brace], _FINGERPRINT, self.fingerprint, event[brace:])

    def _behind_waiting(self, event: bytes) -> bytes:
        """An event in its turn: behind those that wait, which only other choices make wait long."""
        if not self._waiting:
            return event
        self._waiting.append(event)
        held = sum(map(len, self._waiting))
        if _a_choice.search(event) and held <= MAX_HELD_BYTES:
            return b""
        return self._release()  # no usage is to come: an error, the end, or too much to hold

    def _release(self) -> bytes:
        waiting, self._waiting = self._waiting, []
        return b"".join(
            self._stamped(event) if self._lacks_fingerprint(event) else event for event in waiting
        )

    def _partial(self, part: bytes) -> bytes:
        """The beginning of an event: what of it can be passed on already."""
        if len(part) > MAX_HELD_BYTES:
            sure = _decided_bytes(part)
        elif self._waiting or not (self._begun or _needs_no_removal(part)):
            sure = 0
        else:
            sure = _sure_bytes(part)
        self._part = part[sure:]
        if not sure:
            return b""
        self._begun = True
        return self._release() + part[:sure]


def _needs_no_removal(part: bytes) -> bool:
    """Whether the event that begins like this can be none that only tells usage."""
    if _FINGERPRINT in part:
        return False  # nor must it get a second one: judged when it is complete
    lead = _lines_before_data.match(part)
    line = part[lead.end() :] if lead else part
    if not line.startswith(b"data:"):
        return not any(start.startswith(line[: len(start)]) for start in _LINE_STARTS)
    json = line[len(b"data:") :].lstrip(b" ")
    return bool(json) and not (json.startswith(b"{") and not _a_choice.search(json))


def _sure_bytes(part: bytes) -> int:
    """How many bytes at the beginning need no change, whatever follows: a fingerprint may have to
    be added behind the `finish_reason`."""
    finish = part.find(_FINISH)
    return finish if finish >= 0 else _decided_bytes(part)


def _decided_bytes(part: bytes) -> int:
    undecided = _undecided.search(part, max(0, len(part) - len(_FINISH)))
    return undecided.start() if undecided else len(part)
