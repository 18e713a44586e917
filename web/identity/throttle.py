"""Wrong passwords slow their user and their origin down: each more one, twice as long.

The failures are counted in the database, once for all workers and hosts.
"""

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from web.errors import LoginThrottled
from web.identity.throttle_store import FailureStore


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


class Throttle:
    """An attempt counts as failed from its beginning, so that many at once are no way around.

    Raises StorageError: without the database nobody logs in.
    """

    def __init__(
        self,
        store: FailureStore,
        digest: Callable[[str], str],
        clock: Callable[[], datetime],
    ) -> None:
        """digest: of a name or an address; what was typed as a name may be a password."""
        self._store = store
        self._digest = digest
        self._clock = clock

    def begin(self, user: str | None, origin: str) -> None:
        """Raises LoginThrottled; what is refused so does not count. `user`: None for no name."""
        pauses = {self._origin(origin): ORIGIN.pause_s}
        if user is not None:
            pauses[self._user(user)] = USER.pause_s
        wait_s = self._store.begin(pauses, self._clock())
        if wait_s > 0:
            raise LoginThrottled(math.ceil(wait_s))

    def succeed(self, user: str, origin: str) -> None:
        """The user starts anew; the origin only gets this attempt back: it may be guessing others'
        passwords beside its own."""
        self._store.forgive({self._user(user): None, self._origin(origin): 1})

    def take_back(self, user: str, origin: str) -> None:
        """The attempt told nothing about the password."""
        self._store.forgive({self._user(user): 1, self._origin(origin): 1})

    def _user(self, user: str) -> str:
        return self._digest(f"user {user.lower()}")

    def _origin(self, origin: str) -> str:
        return self._digest(f"origin {_network(origin)}")


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
