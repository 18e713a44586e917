"""What counters are asked and what they answer, wherever they count. Pure.

A request is admitted by all its rules at once or by none, and is counted only if it is admitted.
Requests count from their admission for a minute. Tokens are known only at the end: until then an
estimate is held for them, and then the true number counts for a minute. A slot of parallel
requests is a lease, held until the request is settled or its owner is dead.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from web.limits.rules import Rule

WINDOW_S = 60.0
# When a slot, or what running requests hold of the tokens, comes free is anybody's guess.
SOON_S = 1.0


class Kind(StrEnum):
    REQUESTS = "requests"
    TOKENS = "tokens"
    PARALLEL = "parallel"


class Room(NamedTuple):
    """What is left of one limit; `reset_s`: until all of it is left again if nothing more comes."""

    limit: int
    remaining: int
    reset_s: float


class Rooms(NamedTuple):
    """Of the limits that apply, those of which the least is left."""

    requests: Room | None = None
    tokens: Room | None = None

    def with_requests(self, room: Room) -> "Rooms":
        return Rooms(_tighter(self.requests, room), self.tokens)

    def with_tokens(self, room: Room) -> "Rooms":
        return Rooms(self.requests, _tighter(self.tokens, room))


NO_ROOMS = Rooms()


@dataclass(slots=True)
class Lease:
    """An admitted request. Settle it once, with the counters that gave it."""

    id: str
    rules: tuple[Rule, ...]
    estimate: int  # tokens held for it
    at_s: float  # by the clock of its counters
    rooms: Rooms = field(default=NO_ROOMS)
    is_shared: bool = False  # other processes know of it


class Refused(Exception):
    """A rule has no room. Nothing was counted."""

    def __init__(self, rule: Rule, kind: Kind, limit: int, after_s: float, rooms: Rooms) -> None:
        super().__init__(f"{kind} {rule.whose}: {limit}")
        self.rule = rule
        self.kind = kind
        self.limit = limit
        # Until there is room again.
        self.after_s = after_s
        self.rooms = rooms


class Counters(Protocol):
    def admit(self, rules: tuple[Rule, ...], estimate: int) -> Lease:
        """Raises Refused. `estimate`: tokens that the request uses at least."""

    def settle(self, lease: Lease, tokens: int, *, refund: bool = False) -> None:
        """The request is over. `refund`: it was not served, and counts for nothing."""

    def beat(self) -> None:
        """Say that this process lives; to be called every BEAT_S by a background loop."""

    def state(self) -> str:
        """In words, for administrators: who counts together, and what that means."""


def _tighter(one: Room | None, other: Room) -> Room:
    return other if one is None or other.remaining < one.remaining else one
