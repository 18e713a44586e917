"""Redis while it answers; while it does not, each process by itself.

Nobody's work stops because Redis is away, and nobody gets the limits of every process at once: each
process lets through its part of them. It is logged, and said in /ready. Only the background loop
asks an absent Redis again, so requests wait for it once at most.
"""

import logging
import threading
import time
from collections.abc import Callable

from web.limits.counting import Lease
from web.limits.memory import MemoryCounters
from web.limits.rules import Rule
from web.limits.shared import CONNECTIONS, LEASE_S, RedisCounters, RedisError

log = logging.getLogger(__name__)


class FallbackCounters:
    def __init__(
        self,
        shared: RedisCounters,
        alone: MemoryCounters,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._alone = alone
        self._monotonic = monotonic
        self._away: str = ""  # why; empty while Redis answers
        self._beat_at_s = monotonic()
        # One connection is the beat's.
        self._turns = threading.Semaphore(CONNECTIONS - 1)

    def admit(self, rules: tuple[Rule, ...], estimate: int) -> Lease:
        # Who waited here for a Redis that went away meanwhile does not wait for it once more.
        with self._turns:
            if not self._away:
                try:
                    return self._shared.admit(rules, estimate)
                except RedisError as error:
                    self._lost(error)
        return self._alone.admit(rules, estimate)

    def settle(self, lease: Lease, tokens: int, *, refund: bool = False) -> None:
        if not lease.is_shared:
            self._alone.settle(lease, tokens, refund=refund)
            return
        with self._turns:
            if self._away:
                self._shared.forget(lease)
                return
            try:
                self._shared.settle(lease, tokens, refund=refund)
            except RedisError as error:
                self._lost(error)

    def beat(self) -> None:
        self._alone.beat()
        now_s = self._monotonic()
        try:
            # Leases run out while Redis does not hear of them.
            self._shared.renew(revive=bool(self._away) or now_s - self._beat_at_s > LEASE_S)
        except RedisError as error:
            self._lost(error)
            return
        self._beat_at_s = now_s
        if self._away:
            self._away = ""
            log.info("Redis answers again: limits are counted together")

    def state(self) -> str:
        if self._away:
            return f"Redis does not answer ({self._away}); {self._alone.state()}"
        return self._shared.state()

    def _lost(self, error: RedisError) -> None:
        if not self._away:
            log.warning("Redis does not answer, limits are counted by each process: %s", error)
        self._away = str(error) or type(error).__name__
