"""Whether a request may go to the instance that was chosen for it, and what it uses up.

Asked only once there is an instance for the request, so a model that is cold costs nothing. The
permit is given back when the answer has ended, however it ended. A request that the gateway itself
had to refuse in the end, because the engine failed, is given back whole.
"""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from web.catalog.deployment import Deployment
from web.errors import GatewayError
from web.fleet.routing import Route
from web.identity.keys import Principal
from web.limits.counting import Counters, Lease, Refused
from web.limits.fairness import Crowd
from web.limits.rules import RuleBook
from web.limits.spending import Spending
from web.limits.telling import above_share, limit_headers, rate_limited

BYTES_PER_TOKEN = 4
# Images in a prompt have many bytes and few tokens.
MOST_ESTIMATED = 8192


class Load(Protocol):
    @property
    def load(self) -> Mapping[str, int]:
        """Requests by instance, also those of other processes as far as they are known of."""


class Board(Protocol):
    book: RuleBook


class Unmetered:
    """The permit of what nobody counts: questions about an answer that was counted."""

    def headers(self) -> list[tuple[str, str]]:
        return []

    def close(self, tokens: int) -> None:
        return


UNMETERED = Unmetered()


class Permit:
    """One request's way through the gate. `close` or `abandon` it, once or more often."""

    __slots__ = ("_crowd", "_gate", "_lease", "_open", "_user")

    def __init__(self, gate: "Gate", lease: Lease | None, crowd: Crowd, user: str) -> None:
        self._gate = gate
        self._lease = lease
        self._crowd = crowd
        self._user = user
        self._open = True

    @property
    def was_waited_for(self) -> bool:
        """Other requests may have been sent on meanwhile."""
        return self._lease is not None and self._lease.is_shared

    def headers(self) -> list[tuple[str, str]]:
        return limit_headers(self._lease.rooms) if self._lease else []

    def close(self, tokens: int) -> None:
        """The answer has ended; it took so many tokens."""
        self._leave(tokens, refund=False)

    def abandon(self, error: BaseException) -> None:
        """There is no answer. What we are to blame for costs nothing."""
        estimate = self._lease.estimate if self._lease else 0
        self._leave(estimate, refund=isinstance(error, GatewayError))

    def _leave(self, tokens: int, *, refund: bool) -> None:
        if not self._open:
            return
        self._open = False
        self._crowd.leave(self._user)
        if self._lease is not None:
            self._gate.settle(self._lease, 0 if refund else tokens, refund=refund)


class Gate:
    """One per process."""

    def __init__(
        self,
        board: Board,
        counters: Counters,
        spending: Spending,
        load: Load,
        processes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`processes`: of this host, which share what others do not use of a model."""
        self._board = board
        self._counters = counters
        self._spending = spending
        self._load = load
        self._processes = processes
        self._clock = clock
        self._crowds: dict[str, Crowd] = {}

    def admit(self, principal: Principal, route: Route, request_bytes: int) -> Permit:
        """Raises RateLimited, QuotaExceeded, or Overloaded for who has more than their share."""
        deployment, now_s = route.deployment, self._clock()
        crowd = self._crowd(deployment.name)
        share = crowd.admits(principal.user, self._places(route, crowd), now_s)
        if share is not None:
            raise above_share(deployment.name, share)
        crowd.enter(principal.user, now_s)
        try:
            lease = self._lease(principal, deployment, request_bytes)
        except BaseException:
            crowd.leave(principal.user)
            raise
        return Permit(self, lease, crowd, principal.user)

    def turned_away(self, principal: Principal, route: Route) -> None:
        """No instance had room for a request that might have been admitted."""
        self._crowd(route.deployment.name).refused(principal.user, self._clock())

    def settle(self, lease: Lease, tokens: int, *, refund: bool) -> None:
        self._spending.settle(lease.rules, tokens)
        self._counters.settle(lease, tokens, refund=refund)

    def in_flight(self) -> dict[tuple[str, str], int]:
        """(user, model) -> requests that run just now, of those that this process let through."""
        return {
            (user, model): requests
            for model, crowd in self._crowds.items()
            for user, requests in crowd.in_flight().items()
        }

    def tidy(self) -> None:
        """Forget models and users of long ago; for a background loop."""
        now_s = self._clock()
        for model, crowd in tuple(self._crowds.items()):
            if not crowd.forget(now_s):
                del self._crowds[model]

    def _lease(
        self, principal: Principal, deployment: Deployment, request_bytes: int
    ) -> Lease | None:
        book = self._board.book
        rules = book.applying(principal, deployment.name) if book.rows else ()
        if not rules:
            return None
        self._spending.check(rules)
        try:
            estimate = min(request_bytes // BYTES_PER_TOKEN, MOST_ESTIMATED)
            return self._counters.admit(rules, estimate)
        except Refused as refused:
            raise rate_limited(refused, deployment.name) from None

    def _crowd(self, model: str) -> Crowd:
        crowd = self._crowds.get(model)
        if crowd is None:
            crowd = self._crowds[model] = Crowd()
        return crowd

    def _places(self, route: Route, crowd: Crowd) -> int:
        """What this process may fill: what others leave of the instances, at least its part."""
        all_places = places_of(route.deployment) * len(route.targets)
        if self._processes == 1:
            return all_places
        known = sum(self._load.load.get(t.instance_id, 0) for t in route.targets)
        return max(all_places // self._processes, all_places - max(0, known - crowd.total), 1)


def places_of(deployment: Deployment) -> int:
    """How many requests an instance works on at once: beyond, they wait within the engine, the
    first come before the others. Without max-num-seqs, target_requests says what it is good for."""
    stated = deployment.engine_args.get("max-num-seqs")
    places = stated if isinstance(stated, int) and stated > 0 else deployment.target_requests
    return min(places, deployment.max_requests)
