"""How each failpoint is brought about: in which part of an instance's life, and by what."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from web.failpoints import NAMES

# The model is asked for, and ends up served.
BEGINNINGS = (
    "look.listed",
    "launch.wanted",
    "launch.intended",
    "launch.submitted",
    "launch.recorded",
    "claim.received",
    "claim.written",
    "ready.written",
)
# Something ends the instance; the value is what may: see `Lane._end`.
ENDINGS = {
    "drain.planned": ("unlisted", "idle"),
    "drain.written": ("unlisted", "idle"),
    "drain.answered": ("unlisted", "idle"),
    "ended.written": ("unlisted", "idle"),
    "stop.written": ("unlisted while it starts",),
    "stop.cancelled": ("unlisted while it starts",),
    "end.planned": ("scancel",),
    "end.written": ("scancel",),
}
# Looks at the cluster while a model is launched: any of the first few may be the last.
LOOKS = 4
# In these processes; all other failpoints are in the fleet process.
GATEWAY_STEPS = ("claim.", "ready.", "drain.answered", "ended.")


@dataclass(frozen=True, slots=True)
class Crash:
    """The `times`-th process that reaches `failpoint` dies; `way` ends the instance, if any."""

    failpoint: str
    times: int = 1
    way: str = ""

    @property
    def is_beginning(self) -> bool:
        return not self.way

    @property
    def while_it_starts(self) -> bool:
        return self.way == "unlisted while it starts"


def crashes(chance: random.Random) -> Iterator[tuple[Crash, Crash]]:
    """Round after round over all failpoints, for ever: two crashes in the life of an instance."""
    assert {*BEGINNINGS, *ENDINGS} == set(NAMES)
    while True:
        beginnings = chance.sample(BEGINNINGS, len(BEGINNINGS))
        endings = chance.sample(list(ENDINGS), len(ENDINGS))
        for first, last in zip(beginnings, endings, strict=True):
            times = chance.randint(1, LOOKS) if first == "look.listed" else 1
            yield Crash(first, times), Crash(last, way=chance.choice(ENDINGS[last]))
