"""`Prefer: wait=N`: a cold model's request is held for a while instead of refused at once.

A plain request just waits. A stream stays silent for SILENT_S, then the status is committed and
comment lines keep the connection alive; from then on a failure can only be told as an event.
"""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from web.errors import GatewayError, ModelStarting
from web.fleet.outlook import Outlook
from web.openai_proxy.departure import Departure
from web.openai_proxy.envelope import error_event
from web.openai_proxy.forwarding import EVENT_STREAM, Forwarder
from web.openai_proxy.inquiry import Answer, Inquiry
from web.openai_proxy.streaming import BrokenRelay

SILENT_S = 30.0
COMMENT_INTERVAL_S = 15.0
COMMENT = b": waiting\n\n"
# The demand of a held request is noted again this often, so that it does not expire.
RENEW_S = 20.0

# RFC 7240: preferences are separated by commas, and their values may be quoted.
_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:;|,|$)', re.IGNORECASE)


def preferred_wait_s(prefer: str | None) -> int:
    """The N of `Prefer: wait=N`; 0 when nothing of the kind is preferred."""
    found = _WAIT.search(prefer) if prefer else None
    return int(found.group(1)) if found else 0


class Vigil:
    """One held request: woken when the outlook changes or the client goes. Close it."""

    def __init__(self, outlook: Outlook, inquiry: Inquiry, wait_s: float) -> None:
        self._outlook = outlook
        self._woken = threading.Event()
        self.deadline = time.monotonic() + wait_s
        self.client_gone = False
        outlook.listeners.add(self._woken)
        self._departure = Departure(inquiry.client, self._leave)

    @property
    def remaining_s(self) -> float:
        return self.deadline - time.monotonic()

    def sleep(self, limit_s: float) -> None:
        """Until something changes; at most `limit_s`. Raises BrokenRelay if the client goes."""
        self._woken.wait(max(0.0, min(limit_s, self.remaining_s)))
        self._woken.clear()
        if self.client_gone:
            raise BrokenRelay

    def close(self) -> None:
        self._outlook.listeners.discard(self._woken)
        self._departure.stop()

    def _leave(self) -> None:
        self.client_gone = True
        self._woken.set()


class WaitingRoom:
    """Forwards like its forwarder, but holds requests for cold models that prefer to wait."""

    def __init__(
        self, forwarder: Forwarder, outlook: Outlook, max_held: int, max_wait_s: float
    ) -> None:
        self._forwarder = forwarder
        self._outlook = outlook
        self._max_held = max_held
        self._max_wait_s = max_wait_s
        self._held = 0

    def forward(self, inquiry: Inquiry) -> Answer:
        try:
            return self._forwarder.forward(inquiry)
        except ModelStarting:
            if not inquiry.wait_s or self._held >= self._max_held:
                raise
        return self._hold(inquiry, min(inquiry.wait_s, self._max_wait_s))

    def _hold(self, inquiry: Inquiry, wait_s: float) -> Answer:
        self._held += 1
        vigil = Vigil(self._outlook, inquiry, wait_s)
        silent_s = min(SILENT_S, wait_s) if inquiry.payload.is_stream else wait_s
        try:
            answer = self._when_ready(inquiry, vigil, time.monotonic() + silent_s)
        except ModelStarting:
            if vigil.remaining_s > 0:
                stream = HeldStream(self, inquiry, vigil)
                return Answer(200, _stream_headers(inquiry, wait_s), stream)
            self._release(vigil)
            raise
        except BaseException:
            self._release(vigil)
            raise
        self._release(vigil)
        answer.headers.append(_applied(wait_s))
        return answer

    def _when_ready(self, inquiry: Inquiry, vigil: Vigil, until: float) -> Answer:
        """The answer, as soon as there is an instance; raises ModelStarting when time is up."""
        while True:
            vigil.sleep(min(RENEW_S, until - time.monotonic()))
            try:
                return self._forwarder.forward(inquiry)
            except ModelStarting:
                if time.monotonic() >= until:
                    raise

    def _release(self, vigil: Vigil) -> None:
        self._held -= 1
        vigil.close()


@dataclass(slots=True)
class HeldStream:
    """A stream that has begun without an engine: comments first, then the engine's bytes."""

    room: WaitingRoom
    inquiry: Inquiry
    vigil: Vigil
    answer: Answer | None = None
    released: bool = False

    def __iter__(self) -> Iterator[bytes]:
        dialect = self.inquiry.route.dialect
        while self.answer is None:
            yield COMMENT
            until = min(time.monotonic() + COMMENT_INTERVAL_S, self.vigil.deadline)
            try:
                self.answer = self.room._when_ready(self.inquiry, self.vigil, until)
            except ModelStarting as cold:
                if self.vigil.remaining_s <= 0:
                    yield error_event(cold, dialect)
                    raise BrokenRelay from None
            except GatewayError as error:
                yield error_event(error, dialect)
                raise BrokenRelay from None
        if self.answer.status == 200:
            yield from self.answer.chunks
        else:
            yield _as_event(b"".join(self.answer.chunks))
            raise BrokenRelay

    def close(self) -> None:
        if not self.released:
            self.released = True
            self.room._release(self.vigil)
        if self.answer is not None:
            self.answer.chunks.close()


def _as_event(body: bytes) -> bytes:
    """The engine's own refusal, on one line as an event needs it."""
    try:
        text = msgspec.json.encode(msgspec.json.decode(body))
    except msgspec.DecodeError:
        text = msgspec.json.encode({"error": {"message": body.decode("utf-8", "replace")}})
    return b"data: " + text + b"\n\n"


def _stream_headers(inquiry: Inquiry, wait_s: float) -> list[tuple[str, str]]:
    return [
        ("Content-Type", f"{EVENT_STREAM}; charset=utf-8"),
        ("x-request-id", inquiry.request_id),
        _applied(wait_s),
    ]


def _applied(wait_s: float) -> tuple[str, str]:
    return "Preference-Applied", f"wait={wait_s:.0f}"
