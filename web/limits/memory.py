"""Counting within one process: exact, without a lock, a few microseconds a request.

Nothing here yields to another greenlet, so an admission is one step for all others.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable

from web.limits.counting import NO_ROOMS, SOON_S, WINDOW_S, Kind, Lease, Refused, Room, Rooms
from web.limits.rules import Limits, Rule


class Window:
    """Amounts of the last `length_s` seconds and their sum; what is older does not count."""

    __slots__ = ("amounts", "length_s", "total")

    def __init__(self, length_s: float) -> None:
        self.length_s = length_s
        self.amounts: deque[tuple[float, int]] = deque()
        self.total = 0

    def forget(self, now_s: float) -> None:
        amounts, since_s = self.amounts, now_s - self.length_s
        while amounts and amounts[0][0] <= since_s:
            self.total -= amounts.popleft()[1]

    def add(self, now_s: float, amount: int) -> None:
        self.amounts.append((now_s, amount))
        self.total += amount

    def take_back(self, at_s: float, amount: int) -> None:
        if (at_s, amount) in self.amounts:
            self.amounts.remove((at_s, amount))
            self.total -= amount

    def below_after_s(self, limit: int, now_s: float) -> float:
        """Until the sum is below `limit` if nothing is added; never so for 0."""
        left = self.total
        for at_s, amount in self.amounts:
            left -= amount
            if left < limit:
                return at_s + self.length_s - now_s
        return self.length_s

    def reset_s(self, now_s: float) -> float:
        return self.amounts[-1][0] + self.length_s - now_s if self.amounts else 0.0


class _Tally:
    """What is counted for one subject. `said` is what `limits` is this process's share of."""

    __slots__ = ("held", "limits", "parallel", "requests", "said", "tokens")

    def __init__(self, said: Limits, share_of: int, window_s: float) -> None:
        self.said = said
        self.limits = said.share(share_of)
        self.requests = Window(window_s)
        self.tokens = Window(window_s)
        self.held = 0  # estimates of the tokens of running requests
        self.parallel = 0

    @property
    def is_idle(self) -> bool:
        return not (self.parallel or self.requests.amounts or self.tokens.amounts)


class MemoryCounters:
    """`share_of`: the number of processes that each let through their part of every limit."""

    def __init__(
        self,
        share_of: int = 1,
        clock: Callable[[], float] = time.monotonic,
        window_s: float = WINDOW_S,
    ) -> None:
        self._share_of = share_of
        self._clock = clock
        self._window_s = window_s
        self._tallies: dict[str, _Tally] = {}
        self._numbers = itertools.count()

    def admit(self, rules: tuple[Rule, ...], estimate: int) -> Lease:
        now_s = self._clock()
        tallies = [self._tally(rule) for rule in rules]
        for rule, tally in zip(rules, tallies, strict=True):
            tally.requests.forget(now_s)
            tally.tokens.forget(now_s)
            limits = tally.limits
            least = limits.requests_per_minute
            if least is not None and tally.requests.total >= least:
                after_s = tally.requests.below_after_s(least, now_s)
                raise _refused(rule, Kind.REQUESTS, least, after_s, tally, now_s)
            least = limits.tokens_per_minute
            if least is not None and tally.tokens.total + tally.held >= least:
                after_s = SOON_S
                if tally.tokens.total >= least:
                    after_s = tally.tokens.below_after_s(least, now_s)
                raise _refused(rule, Kind.TOKENS, least, after_s, tally, now_s)
            least = limits.parallel_requests
            if least is not None and tally.parallel >= least:
                raise _refused(rule, Kind.PARALLEL, least, SOON_S, tally, now_s)
        rooms = NO_ROOMS
        for tally in tallies:
            tally.parallel += 1
            tally.held += estimate
            if tally.limits.requests_per_minute is not None:
                tally.requests.add(now_s, 1)
            rooms = _tightened(rooms, tally, now_s)
        return Lease(str(next(self._numbers)), rules, estimate, now_s, rooms)

    def settle(self, lease: Lease, tokens: int, *, refund: bool = False) -> None:
        now_s = self._clock()
        for rule in lease.rules:
            tally = self._tally(rule)
            tally.parallel -= 1
            tally.held -= lease.estimate
            if refund:
                tally.requests.take_back(lease.at_s, 1)
            elif tokens and tally.limits.tokens_per_minute is not None:
                tally.tokens.forget(now_s)
                tally.tokens.add(now_s, tokens)

    def beat(self) -> None:
        """Forget the subjects of whom nothing is counted any more."""
        now_s = self._clock()
        for subject, tally in tuple(self._tallies.items()):
            tally.requests.forget(now_s)
            tally.tokens.forget(now_s)
            if tally.is_idle:
                del self._tallies[subject]

    def state(self) -> str:
        if self._share_of == 1:
            return "counted in memory: for this process alone"
        return (
            f"counted in memory: each of {self._share_of} processes lets through 1/"
            f"{self._share_of} of each limit (at least 1); with RATELIMIT_STORAGE_URI=redis://… "
            "they count together"
        )

    def _tally(self, rule: Rule) -> _Tally:
        tally = self._tallies.get(rule.subject)
        if tally is None:
            tally = _Tally(rule.limits, self._share_of, self._window_s)
            self._tallies[rule.subject] = tally
        elif tally.said is not rule.limits:
            tally.said = rule.limits
            tally.limits = rule.limits.share(self._share_of)
        return tally


def _refused(
    rule: Rule, kind: Kind, limit: int, after_s: float, tally: _Tally, now_s: float
) -> Refused:
    return Refused(rule, kind, limit, after_s, _tightened(NO_ROOMS, tally, now_s))


def _tightened(rooms: Rooms, tally: _Tally, now_s: float) -> Rooms:
    limit = tally.limits.requests_per_minute
    if limit is not None:
        left = max(0, limit - tally.requests.total)
        rooms = rooms.with_requests(Room(limit, left, tally.requests.reset_s(now_s)))
    limit = tally.limits.tokens_per_minute
    if limit is not None:
        left = max(0, limit - tally.tokens.total - tally.held)
        rooms = rooms.with_tokens(Room(limit, left, tally.tokens.reset_s(now_s)))
    return rooms
