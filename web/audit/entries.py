"""What is kept of a deed: who did what to what, when and from where. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

MOST_CHARACTERS = 255
MOST_OF_AN_ACTION = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """`detail` holds numbers, short words and lists of them; never a secret or anybody's text."""

    id: int
    at: datetime
    # A user's name, `cli:<login name>`, `fleet` or `worker`.
    actor: str
    # The client's address, or the host (and process) that did it.
    origin: str
    # such as key.create, user.disable, login.failed, instance.launch
    action: str
    # What it was done to: a key's id, a user, a model, an instance, a job.
    subject: str
    detail: Mapping[str, object]


def safe(text: str, most: int = MOST_CHARACTERS) -> str:
    """`text` as every database and terminal takes it: a name that somebody typed can be anything.

    What cannot be printed becomes U+FFFD, so that nothing looks like what it is not.
    """
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(c if c.isprintable() else "\ufffd" for c in cut)


def safe_detail(detail: Mapping[str, object]) -> dict[str, object]:
    """`detail` as JSON has it: times in ISO 8601, lists sorted if they had no order."""
    return {name: _plain(value) for name, value in detail.items()}


def _plain(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return value.isoformat(timespec="seconds")
        case set() | frozenset():
            return [_plain(each) for each in sorted(value)]
        case str():
            return safe(value)
        case Iterable():
            return [_plain(each) for each in value]
        case _:
            return safe(str(value))
