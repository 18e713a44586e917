"""What is new in a log of which only the end can be read, again and again. Pure."""

from dataclasses import dataclass

# What stands for a character that was cut in two by the window, or is half written yet.
_BROKEN = "\ufffd"


@dataclass(frozen=True, slots=True)
class News:
    """`is_broken`: the text does not follow on what was shown; lines are missing between, or the
    log began anew."""

    text: str
    is_broken: bool = False


def unseen(before: str, now: str, max_bytes: int) -> News:
    """What `now` has beyond `before`, both being the last `max_bytes` of a log, settled.

    A log that grows by more than `max_bytes` between two looks, and one that is written anew, is
    told from one that only grew by the overlap of the two. Text that repeats itself is taken for
    the longest overlap: nothing is shown twice.
    """
    if now.startswith(before):
        return News(now[len(before) :])
    if len(now.encode()) < max_bytes:
        # The whole log, and not as it was.
        return News(now, is_broken=True)
    complete = now.lstrip(_BROKEN)
    shared = _overlap(before, complete)
    return News(complete[shared:], is_broken=shared == 0)


def settled(window: str) -> str:
    """The window without a character that is still being written."""
    return window.rstrip(_BROKEN)


def last(text: str, max_bytes: int) -> str:
    """The last `max_bytes` of `text`, without the character that this cuts in two."""
    return text.encode()[-max_bytes:].decode(errors="ignore")


def _overlap(before: str, now: str) -> int:
    """The length of the longest end of `before` that `now` begins with (Knuth, Morris, Pratt)."""
    if not now:
        return 0
    borders = [0] * len(now)
    length = 0
    for place in range(1, len(now)):
        while length and now[place] != now[length]:
            length = borders[length - 1]
        length += now[place] == now[length]
        borders[place] = length
    length = 0
    for character in before[-len(now) :]:
        while length and character != now[length]:
            length = borders[length - 1]
        length += character == now[length]
    return length
