"""The end of an instance's log, on its way from the cluster to the browser. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from web.fleet.log_store import LogTail
from web.fleet.states import Instance, InstanceState

# Reading takes half a second, and half a minute at the most where the login node is slow.
SOON_S = 45.0
# Whoever has the page open sees what is printed about that late.
RENEW_AFTER = timedelta(seconds=4)


@dataclass(frozen=True, slots=True)
class TailPart:
    """`words` say what is to be said instead of the text, or beside it; `read_at`: how old the
    text is. `is_awaited`: it comes by itself."""

    text: str
    read_at: datetime | None
    words: str
    is_awaited: bool
    is_asked: bool


def is_to_be_renewed(instance: Instance, tail: LogTail, now: datetime) -> bool:
    """Whether there may be more by now: while it lives, and once after its end."""
    if tail.is_awaited or tail.read_at is None or now - tail.asked_at < RENEW_AFTER:
        return False
    return instance.ended_at is None or tail.read_at < instance.ended_at


def tail_part(instance: Instance, tail: LogTail | None, now: datetime) -> TailPart:
    if tail is None:
        return TailPart("", None, _before(instance), is_awaited=False, is_asked=False)
    age_s = (now - tail.asked_at).total_seconds()
    if tail.is_awaited:
        words = "It is being read from the cluster…"
        if age_s > SOON_S:
            words = "Nobody has read it yet: the fleet process, which does so, seems to be away."
        return TailPart(tail.text, tail.read_at, words, is_awaited=True, is_asked=True)
    return TailPart(
        tail.text, tail.read_at, _after(instance, tail), is_awaited=False, is_asked=True
    )


def _before(instance: Instance) -> str:
    if instance.state in (InstanceState.SUBMITTING, InstanceState.PENDING):
        return "There is no log yet: its job has not started."
    return ""


def _after(instance: Instance, tail: LogTail) -> str:
    if tail.problem:
        return _before(instance) or f"It could not be read: {tail.problem}"
    return "" if tail.text else "Its job has printed nothing so far."
