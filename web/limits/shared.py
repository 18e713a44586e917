"""Counting in Redis: together for all processes and hosts that use the same one.

A process that dies holds its slots for LEASE_S at most; one that lives renews them every second.
"""

import itertools
import secrets
from typing import Any

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.connection import BlockingConnectionPool
from redis.retry import Retry

from web.limits.counting import NO_ROOMS, SOON_S, WINDOW_S, Kind, Lease, Refused, Room, Rooms
from web.limits.rules import Limits, Rule
from web.limits.scripts import ADMIT, BEAT, SETTLE

# Three beats and a half (web.limits.limiting.BEAT_S).
LEASE_S = 3.5
# Longer than the event loop is ever busy with something else.
TIMEOUT_S = 1.0
CONNECTIONS = 64
LEASES_A_CALL = 1000
# The braces keep all keys in one slot of a cluster of Redis: a script must see all of its own.
PREFIX = "kscope:{limits}:"
PROBE = Rule("probe:", Limits())

__all__ = ["CONNECTIONS", "LEASE_S", "RedisCounters", "RedisError"]


class RedisCounters:
    """Every call may raise RedisError, within about TIMEOUT_S; then nothing is known of it."""

    def __init__(self, url: str, window_s: float = WINDOW_S, lease_s: float = LEASE_S) -> None:
        # No second try: what was in doubt must not be counted twice.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Any = Redis(connection_pool=pool)
        self._admit: Any = self._redis.register_script(ADMIT)
        self._settle: Any = self._redis.register_script(SETTLE)
        self._beat: Any = self._redis.register_script(BEAT)
        self._window_ms = int(window_s * 1000)
        self._lease_ms = int(lease_s * 1000)
        self._owner = secrets.token_hex(6)
        self._numbers = itertools.count()
        self._leases: dict[str, Lease] = {}

    def admit(self, rules: tuple[Rule, ...], estimate: int) -> Lease:
        id_ = f"{self._owner}.{next(self._numbers)}"
        soon_ms = int(SOON_S * 1000)
        arguments = [id_, estimate, self._window_ms, self._lease_ms, soon_ms]
        for rule in rules:
            arguments += _arguments(rule.limits)
        told = self._admit(keys=_keys(rules), args=arguments)
        if not told[0]:
            _, number, kind, after_ms, room = told
            rule = rules[number - 1]
            rooms = _tightened(NO_ROOMS, rule.limits, room)
            limit = _limit(rule.limits, Kind(kind.decode()))
            raise Refused(rule, Kind(kind.decode()), limit, after_ms / 1000, rooms)
        rooms = NO_ROOMS
        for rule, room in zip(rules, told[1], strict=True):
            rooms = _tightened(rooms, rule.limits, room)
        lease = self._leases[id_] = Lease(id_, rules, estimate, 0.0, rooms, is_shared=True)
        return lease

    def settle(self, lease: Lease, tokens: int, *, refund: bool = False) -> None:
        # First of all: what is forgotten here runs out there.
        self.forget(lease)
        counts = [int(rule.limits.tokens_per_minute is not None) for rule in lease.rules]
        told = -1 if refund else tokens
        fixed = [lease.id, lease.estimate, told, self._window_ms]
        self._settle(keys=_keys(lease.rules), args=[*fixed, *counts])

    def forget(self, lease: Lease) -> None:
        """Let it run out."""
        self._leases.pop(lease.id, None)

    def beat(self) -> None:
        self.renew(revive=False)

    def renew(self, *, revive: bool) -> None:
        """`revive`: leases that have run out meanwhile are made again."""
        by_subject: dict[str, list[str]] = {}
        for lease in tuple(self._leases.values()):
            for rule in lease.rules:
                by_subject.setdefault(rule.subject, []).append(f"{lease.id}:{lease.estimate}")
        fixed = [self._lease_ms, self._window_ms, int(revive)]
        for subject, members in by_subject.items():
            for start in range(0, len(members), LEASES_A_CALL):
                some = members[start : start + LEASES_A_CALL]
                self._beat(keys=[PREFIX + subject], args=[*fixed, *some])
        if not by_subject:
            self._try()

    def ping(self) -> None:
        self._redis.ping()

    def _try(self) -> None:
        """A Redis that only answers pings, because it is full or a replica, is of no use."""
        self.settle(self.admit((PROBE,), 0), 0)

    def state(self) -> str:
        return "counted in Redis: for all gateways that use it"

    def close(self) -> None:
        self._redis.connection_pool.disconnect()


def _keys(rules: tuple[Rule, ...]) -> list[str]:
    return [PREFIX + rule.subject for rule in rules]


def _arguments(limits: Limits) -> tuple[int, int, int]:
    said = limits.requests_per_minute, limits.tokens_per_minute, limits.parallel_requests
    requests, tokens, parallel = (-1 if limit is None else limit for limit in said)
    return requests, tokens, parallel


def _limit(limits: Limits, kind: Kind) -> int:
    requests, tokens, parallel = _arguments(limits)
    return {Kind.REQUESTS: requests, Kind.TOKENS: tokens, Kind.PARALLEL: parallel}[kind]


def _tightened(rooms: Rooms, limits: Limits, room: list[int]) -> Rooms:
    """`room`: remaining requests, ms to their reset, remaining tokens, ms to their reset."""
    if limits.requests_per_minute is not None:
        rooms = rooms.with_requests(Room(limits.requests_per_minute, room[0], room[1] / 1000))
    if limits.tokens_per_minute is not None:
        rooms = rooms.with_tokens(Room(limits.tokens_per_minute, room[2], room[3] / 1000))
    return rooms
