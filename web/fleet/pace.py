"""How often the cluster is looked at. Pure: time and chance are passed in.

An ordinary look follows the last one after the base interval, give or take a tenth, so that
several gateways do not ask in step. A cluster that took long to answer is asked more seldom, so
that our looks are never more than a tenth of its work. While looks fail, the pause doubles up to
a minute; as nothing is submitted meanwhile, one look per pause is all that a login node in
trouble hears of us. The first look that succeeds ends that.
"""

from dataclasses import dataclass

JITTER = 0.1
SLOW_FACTOR = 10.0
MOST_BACKOFF_S = 60.0
_MOST_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Look:
    """How one look at the cluster went."""

    duration_s: float
    ok: bool


class Pace:
    """When the next look is due, on any clock that only goes forward; the first one is due now."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._failures = 0
        self._due_at_s = float("-inf")

    def is_due(self, now_s: float) -> bool:
        return now_s >= self._due_at_s

    def looked(self, look: Look, now_s: float, chance: float) -> None:
        """Note how a look went that ended at `now_s`; `chance` is from 0 to 1."""
        self._failures = 0 if look.ok else self._failures + 1
        self._due_at_s = now_s + pause_s(self._interval_s, look, self._failures, chance)

    def hurry(self) -> None:
        """The next look is due now: what was known before may have changed."""
        self._due_at_s = float("-inf")


def pause_s(interval_s: float, look: Look, failures: int, chance: float) -> float:
    """From the end of a look to the next; `failures` counts those in a row, this one included."""
    if look.ok:
        usual_s = interval_s * (1 - JITTER + 2 * JITTER * chance)
        return max(usual_s, SLOW_FACTOR * look.duration_s)
    doubled_s = interval_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
    # Only ever longer: the SSH connection has a backoff of its own, which must have run out.
    return max(interval_s, min(doubled_s, MOST_BACKOFF_S)) * (1 + JITTER * chance)


def longest_pause_s(interval_s: float, look: Look) -> float:
    """The most that can pass from the end of this look to the next, whatever went before it."""
    return pause_s(interval_s, look, _MOST_DOUBLINGS, chance=1.0)
