"""How each failpoint is brought about: in which part of an instance's life, and by what."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from web.failpoints import NAMES


class Kind(StrEnum):
    """What sort of model: the value is the state in which its instance stays."""

    QUICK = "ready"
    SLOW = "starting"  # its engine never gets ready
    QUEUED = "pending"  # its partition is closed


class Way(StrEnum):
    """What ends an instance."""

    UNLISTED = "its model leaves the catalog"
    IDLE = "nobody uses it"
    DRAIN_ORDER = "an order to drain"
    STOP_ORDER = "an order to stop"
    SCANCEL = "scancel by hand"


@dataclass(frozen=True, slots=True)
class Crash:
    """The `times`-th process that reaches `failpoint` dies.

    Without a `way` it begins the life of an instance, else it ends one of this `kind`.
    """

    failpoint: str
    kind: Kind
    way: Way | None = None
    times: int = 1

    def __str__(self) -> str:
        life = "begins" if self.way is None else f"ends: {self.way}"
        return f"{self.failpoint}@{self.times} ({self.kind}, {life})"


Life = tuple[Crash, ...]

# The model is asked for; the kinds of instances that come by this place.
BEGINNINGS = {
    "look.listed": tuple(Kind),
    "launch.wanted": tuple(Kind),
    "launch.intended": tuple(Kind),
    "launch.submitted": tuple(Kind),
    "launch.recorded": tuple(Kind),
    "claim.received": (Kind.QUICK, Kind.SLOW),
    "claim.written": (Kind.QUICK, Kind.SLOW),
    "ready.written": (Kind.QUICK,),
}
_DRAINS = tuple((Kind.QUICK, way) for way in (Way.UNLISTED, Way.IDLE, Way.DRAIN_ORDER))
_STOPS = (
    *((kind, way) for kind in (Kind.SLOW, Kind.QUEUED) for way in (Way.UNLISTED, Way.DRAIN_ORDER)),
    *((kind, Way.STOP_ORDER) for kind in Kind),
)
_ENDS = (
    (Kind.QUICK, Way.SCANCEL),
    (Kind.QUEUED, Way.SCANCEL),
    (Kind.QUEUED, Way.UNLISTED),
    (Kind.QUEUED, Way.STOP_ORDER),
)
ENDINGS = {
    "drain.planned": _DRAINS,
    "drain.written": _DRAINS,
    "drain.answered": _DRAINS,
    "stop.written": _STOPS,
    "stop.cancelled": _STOPS,
    "end.planned": _ENDS,
    "end.written": _ENDS,
    "ended.written": _DRAINS,
}
# Looks at the cluster while a model is launched: any of the first few may be the last.
LOOKS = 4


def lives(seed: int, loops: int) -> Iterator[Life]:
    """So many crashes in all, two in the life of an instance, the last perhaps with one."""
    pairs = _pairs(random.Random(seed))
    yield from islice(pairs, loops // 2)
    yield from ((first,) for first, _ in islice(pairs, loops % 2))


def _pairs(chance: random.Random) -> Iterator[tuple[Crash, Crash]]:
    """Round after round over all failpoints, for ever."""
    assert sorted((*BEGINNINGS, *ENDINGS)) == sorted(NAMES)
    while True:
        beginnings = chance.sample(list(BEGINNINGS), len(BEGINNINGS))
        endings = chance.sample(list(ENDINGS), len(ENDINGS))
        for first, last in zip(beginnings, endings, strict=True):
            kind, way = chance.choice(ENDINGS[last])
            kinds = BEGINNINGS[first]
            times = chance.randint(1, LOOKS) if first == "look.listed" else 1
            # One life, if what ends in this way comes by that beginning.
            yield (
                Crash(first, kind if kind in kinds else chance.choice(kinds), times=times),
                Crash(last, kind, way),
            )
