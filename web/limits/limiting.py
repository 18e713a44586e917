"""Limits in a gateway worker: what is made for them, and what runs beside the requests."""

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass

from web.config import ConfigError, Settings
from web.limits.board import INTERVAL_S as BOARD_INTERVAL_S
from web.limits.board import RuleBoard
from web.limits.counting import Counters
from web.limits.gate import Gate
from web.limits.memory import MemoryCounters
from web.limits.spending import REFRESH_S

BEAT_S = 1.0
TIDY_INTERVAL_S = 10.0
IN_MEMORY = "memory://"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limiting:
    gate: Gate
    board: RuleBoard
    counters: Counters

    @property
    def jobs(self) -> tuple[tuple[float, Callable[[], None]], ...]:
        """(seconds between two rounds, one round), for background loops."""
        return (
            (BOARD_INTERVAL_S, self.board.refresh),
            (REFRESH_S, self.board.refresh_spending),
            (BEAT_S, self.counters.beat),
            (TIDY_INTERVAL_S, self.gate.tidy),
        )


def check_counters(settings: Settings) -> None:
    """Raises ConfigError when the chosen kind of counters cannot be had here."""
    if settings.ratelimit_storage_uri != IN_MEMORY and not importlib.util.find_spec("redis"):
        fault = "RATELIMIT_STORAGE_URI: needs the Python package redis: kscope-gateway[redis]"
        raise ConfigError((fault,))


class CountersAway(Exception):
    """Redis cannot be used just now."""


def look_at_counters(settings: Settings) -> str:
    """How limits are counted, in words, where that is worth some; changes nothing.

    Raises ConfigError, CountersAway.
    """
    check_counters(settings)
    if settings.ratelimit_storage_uri == IN_MEMORY:
        processes = settings.web_concurrency
        return MemoryCounters(processes).state() if processes > 1 else ""
    from web.limits.shared import RedisCounters, RedisError

    counters = RedisCounters(settings.ratelimit_storage_uri)
    try:
        counters.ping()
    except RedisError as error:
        raise CountersAway(f"Redis does not answer: {error}") from error
    finally:
        counters.close()
    return counters.state()


def open_counters(settings: Settings) -> Counters:
    alone = MemoryCounters(settings.web_concurrency)
    counters: Counters = alone
    if settings.ratelimit_storage_uri != IN_MEMORY:
        # Only where it is asked for: the package is an extra.
        from web.limits.fallback import FallbackCounters
        from web.limits.shared import RedisCounters

        counters = FallbackCounters(RedisCounters(settings.ratelimit_storage_uri), alone)
    log.info("limits are %s", counters.state())
    return counters
