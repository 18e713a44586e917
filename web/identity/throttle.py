"""Wrong passwords slow their user and their origin down: each more one, twice as long.

Kept in memory, by each gateway worker for itself, and bounded: with N workers a guesser has N times
the free attempts, and then as many per longest pause.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from web.errors import LoginThrottled

MOST_KEPT = 10_000
FORGET_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Allowance:
    free: int
    first_pause_s: float = 1.0
    longest_pause_s: float = 300.0

    def pause_s(self, failures: int) -> float:
        """How long after the last of so many failures nothing is tried."""
        if failures < self.free:
            return 0.0
        # Beyond 2^30 it is the longest in any case.
        return min(self.first_pause_s * 2.0 ** min(failures - self.free, 30), self.longest_pause_s)


USER = Allowance(free=5)
# More: an institute may share one address.
ORIGIN = Allowance(free=20)


@dataclass(slots=True)
class _Slate:
    failures: int = 0
    last_s: float = 0.0


class Throttle:
    """An attempt counts as failed from its beginning, so that many at once are no way around."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, most_kept: int = MOST_KEPT
    ) -> None:
        self._monotonic = monotonic
        self._users = _Slates(USER, most_kept)
        self._origins = _Slates(ORIGIN, most_kept)
        self._lock = threading.Lock()

    def begin(self, user: str | None, origin: str) -> None:
        """Raises LoginThrottled; what is refused so does not count. `user`: None for no name."""
        now_s, keys = self._monotonic(), self._keys(user, origin)
        with self._lock:
            wait_s = max(slates.wait_s(key, now_s) for slates, key in keys)
            if wait_s > 0:
                raise LoginThrottled(math.ceil(wait_s))
            for slates, key in keys:
                slates.count(key, now_s)

    def succeed(self, user: str | None, origin: str) -> None:
        """The user starts anew; the origin only gets this attempt back: it may be guessing others'
        passwords beside its own."""
        with self._lock:
            for slates, key in self._keys(user, origin):
                slates.forgive(key, most=1 if slates is self._origins else None)

    def take_back(self, user: str | None, origin: str) -> None:
        """The attempt told nothing about the password."""
        with self._lock:
            for slates, key in self._keys(user, origin):
                slates.forgive(key, most=1)

    def __len__(self) -> int:
        return len(self._users) + len(self._origins)

    def _keys(self, user: str | None, origin: str) -> list[tuple["_Slates", str]]:
        keys = [(self._origins, _network(origin))]
        return [*keys, (self._users, user.lower())] if user is not None else keys


class _Slates:
    """The latest ones, by key."""

    def __init__(self, allowance: Allowance, most: int) -> None:
        self._allowance = allowance
        self._most = most
        self._kept: OrderedDict[str, _Slate] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def wait_s(self, key: str, now_s: float) -> float:
        slate = self._kept.get(key)
        if slate is None:
            return 0.0
        if now_s - slate.last_s >= FORGET_AFTER_S:
            del self._kept[key]
            return 0.0
        return slate.last_s + self._allowance.pause_s(slate.failures) - now_s

    def count(self, key: str, now_s: float) -> None:
        slate = self._kept.setdefault(key, _Slate())
        slate.failures, slate.last_s = slate.failures + 1, now_s
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forgive(self, key: str, most: int | None) -> None:
        slate = self._kept.get(key)
        if slate is None:
            return
        slate.failures = max(0, slate.failures - most) if most is not None else 0
        if slate.failures == 0:
            del self._kept[key]


def _network(origin: str) -> str:
    """Whoever has one IPv6 address has 2^64 of them."""
    try:
        address = ipaddress.ip_address(origin)
    except ValueError:
        return origin[:255]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)
