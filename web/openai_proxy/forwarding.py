"""From a request to an instance's answer: which model, which instance, then bytes.

Forwarder.forward      the answer, or the GatewayError that says why there is none
  _choose              an instance in good standing with room, or wait, or 503
  forward_to           ask it, and once more elsewhere where that is safe
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from web.catalog.deployment import Deployment
from web.demand.notebook import DemandNotebook
from web.errors import (
    GatewayError,
    ModelNotFound,
    ModelStarting,
    NotRoutable,
    Overloaded,
    ResponseNotFound,
)
from web.fleet import routing
from web.fleet.outlook import Outlook
from web.fleet.routing import Snapshot, Target, choose
from web.identity.keys import Principal
from web.identity.permissions import may_use
from web.limits.gate import UNMETERED, Gate, Permit, Unmetered
from web.openai_proxy import headers
from web.openai_proxy.asking import affinity_of, request_to
from web.openai_proxy.cold import cold_error
from web.openai_proxy.failing import OVERLOADED_RETRY_S, overloaded, told_to_client
from web.openai_proxy.inquiry import Answer, Inquiry, Outcome, Recorder, served
from web.openai_proxy.standing import Standing
from web.openai_proxy.streaming import BrokenRelay, Relay
from web.openai_proxy.table import Body, Dialect
from web.openai_proxy.upstream import EngineFailed, EnginePool, Exchange
from web.openai_proxy.usage import tap_for
from web.responses.book import ResponseBook, response_id_in
from web.usage.counting import tokens_of

EVENT_STREAM = "text/event-stream"
QUOTES_REQUEST = (400, 422)

log = logging.getLogger(__name__)


class Forwarder:
    def __init__(
        self,
        pool: EnginePool,
        standing: Standing,
        outlook: Outlook,
        demand: DemandNotebook,
        book: ResponseBook,
        gate: Gate,
        record: Recorder,
        clock: Callable[[], datetime],
        *,
        max_concurrent: int,
    ) -> None:
        self._pool = pool
        self._standing = standing
        self._outlook = outlook
        self._demand = demand
        self._book = book
        self._gate = gate
        self._record = record
        self._clock = clock
        self._max_concurrent = max_concurrent
        # instance -> its engine's system_fingerprint, learned from its answers (see `unasked`).
        self._fingerprints: dict[str, bytes] = {}

    def forward(self, inquiry: Inquiry) -> Answer:
        """An instance's answer, whatever its status; raises a `GatewayError` if none answers."""
        model = inquiry.payload.model
        route = permitted_route(self._outlook.snapshot, inquiry.principal, model)
        within = self._within(route, inquiry)
        try:
            target = self._choose(within, inquiry, excluded=())
        except Overloaded:
            self._gate.turned_away(inquiry.principal, route)
            raise
        if target is None:
            self._demand.note_cold(route.deployment.name)
            raise cold_error(model, route.status, self._clock())
        permit = self._gate.admit(inquiry.principal, route, inquiry.payload.length)
        try:
            if permit.was_waited_for:
                target = self._choose(within, inquiry, excluded=()) or target
            return self.forward_to(target, within, inquiry, permit)
        except BaseException as error:
            permit.abandon(error)
            raise

    def forward_kept(self, response_id: str, inquiry: Inquiry) -> Answer:
        """What the instance that made a response says of it, to the user who asked for it."""
        kept = self._book.find(response_id)
        if kept is None or kept.user != inquiry.principal.user:
            raise ResponseNotFound(response_id, "response_id")
        snapshot = self._outlook.snapshot
        for route in map(snapshot.routes.__getitem__, snapshot.names):
            if not may_use(inquiry.principal, route.deployment):
                continue
            for target in route.targets:
                if target.instance_id == kept.instance_id:
                    return self.forward_to(target, route, inquiry)
        raise ResponseNotFound(response_id, "response_id")

    def _within(self, route: routing.Route, inquiry: Inquiry) -> routing.Route:
        """The route with those instances alone that can answer: what is to follow a response is
        for the one that keeps it. Of a response nobody wrote down, the engine says what it knows.
        """
        if inquiry.route.dialect is not Dialect.RESPONSES:
            return route
        followed = inquiry.payload.followed()
        kept = self._book.find(followed) if followed else None
        if followed is None or kept is None:
            return route
        keeper = tuple(t for t in route.targets if t.instance_id == kept.instance_id)
        if kept.user != inquiry.principal.user or not keeper:
            raise ResponseNotFound(followed, "previous_response_id")
        return replace(route, targets=keeper)

    def forward_to(
        self,
        target: Target,
        route: routing.Route,
        inquiry: Inquiry,
        permit: Permit | Unmetered = UNMETERED,
    ) -> Answer:
        """The answer of `target`, or of another instance where asking again is safe."""
        self._demand.note_warm(route.deployment.name)
        inquiry.payload.prepare(route.deployment.name, ask_for_usage=inquiry.route.asks_for_usage)
        try:
            return self._ask(target, route.deployment, inquiry, permit)
        except EngineFailed as failure:
            log.warning("instance %s: %s", target.instance_id, failure)
            if not failure.resendable or not self._standing.may_retry():
                raise self._failed(failure, target, route.deployment, inquiry) from None
        other = target
        if inquiry.route.body is not Body.NONE:
            other = self._choose(route, inquiry, excluded={target.instance_id}) or target
        try:
            return self._ask(other, route.deployment, inquiry, permit, fresh=True)
        except EngineFailed as failure:
            log.warning("instance %s, second try: %s", other.instance_id, failure)
            raise self._failed(failure, other, route.deployment, inquiry) from None

    def _failed(
        self, failure: EngineFailed, target: Target, deployment: Deployment, inquiry: Inquiry
    ) -> GatewayError:
        error = told_to_client(failure, target.instance_id)
        self._record(served(inquiry, deployment, error.status, Outcome.BROKEN, time.perf_counter()))
        return error

    def _choose(
        self, route: routing.Route, inquiry: Inquiry, excluded: Collection[str]
    ) -> Target | None:
        """None when the model has no instance at all; raises Overloaded when all are full."""
        standing = self._standing
        if standing.total_in_flight >= self._max_concurrent:
            raise overloaded(inquiry.payload.model)
        if not route.targets:
            return None
        target = choose(
            route.targets,
            standing.load,
            excluded=standing.ejected.union(excluded) if excluded else standing.ejected,
            cap=route.deployment.max_requests,
            affinity=affinity_of(route.deployment, inquiry),
            until=time.time() + route.deployment.drain_timeout_s,
        )
        if target is None and not excluded:
            raise self._none_open(route)
        return target

    def _none_open(self, route: routing.Route) -> NotRoutable:
        model = route.deployment.name
        if all(t.instance_id in self._standing.ejected for t in route.targets):
            return ModelStarting(
                f"The model `{model}` does not answer just now; it is used again as soon as it "
                "does. Please retry your request after a brief wait.",
                retry_after_s=OVERLOADED_RETRY_S,
                extra={"state": "unready"},
            )
        return overloaded(model)

    def _ask(
        self,
        target: Target,
        deployment: Deployment,
        inquiry: Inquiry,
        permit: Permit | Unmetered,
        *,
        fresh: bool = False,
    ) -> Answer:
        sent_at = time.perf_counter()
        self._standing.begin(target.instance_id)
        exchange: Exchange | None = None
        try:
            exchange = self._pool.open(target.netloc, fresh=fresh)
            exchange.watch(inquiry.client)
            exchange.send(request_to(target, inquiry))
            status, told = exchange.read_head(self._pool.limits)
            is_stream = exchange.header("content-type").startswith(EVENT_STREAM)
            if not is_stream:
                exchange.await_body()
        except BaseException as error:
            if exchange is not None and exchange.aborted:
                self._record(
                    served(inquiry, deployment, exchange.status, Outcome.LEFT, time.perf_counter())
                )
            self._abandon(target, exchange, error)
            raise
        if status in QUOTES_REQUEST and inquiry.payload.usage_injected:
            # The engine's words may quote what only we have added: ask as the client asked.
            self._abandon(target, exchange, None)
            inquiry.payload.as_received()
            return self._ask(target, deployment, inquiry, permit)
        overhead_s = sent_at - inquiry.received_at
        shown = [
            *headers.to_client(told),
            ("x-request-id", inquiry.request_id),
            ("x-kscope-instance", target.instance_id),
            ("x-kscope-overhead-ms", f"{overhead_s * 1000:.2f}"),
            *permit.headers(),
        ]
        relay = self._relay(target, deployment, inquiry, permit, exchange, is_stream)
        return Answer(status, shown, relay)

    def _abandon(
        self, target: Target, exchange: Exchange | None, error: BaseException | None
    ) -> None:
        """Nothing came of it. It is no fault of the engine's that a client went away, or that an
        idle connection was closed."""
        self._standing.end(target.instance_id)
        if exchange is not None:
            exchange.close()
            if exchange.aborted:
                raise BrokenRelay from None
        if isinstance(error, EngineFailed) and not (exchange and error.resendable):
            self._standing.failed(target.instance_id)

    def _relay(
        self,
        target: Target,
        deployment: Deployment,
        inquiry: Inquiry,
        permit: Permit | Unmetered,
        exchange: Exchange,
        is_stream: bool,
    ) -> Relay:
        dialect = inquiry.route.dialect
        known = self._fingerprints.get(target.instance_id)
        injected = inquiry.payload.usage_injected
        tap = tap_for(dialect, is_stream=is_stream, injected=injected, fingerprint=known)
        outcome = Outcome.LEFT

        def on_break() -> None:
            nonlocal outcome
            outcome = Outcome.BROKEN
            self._standing.failed(target.instance_id)

        def on_end(whole: bool) -> None:
            self._standing.end(target.instance_id, answered=whole)
            inquiry.payload.close()
            if tap.fingerprint is not None:
                self._fingerprints[target.instance_id] = tap.fingerprint
            became = Outcome.WHOLE if whole else outcome
            if not whole:
                tap.end()  # the engine may have told its usage before the client left
            done = served(inquiry, deployment, exchange.status, became, time.perf_counter(), tap)
            permit.close(tokens_of(done).total)
            self._record(done)

        def on_begin(beginning: bytes) -> None:
            if response_id := response_id_in(beginning):
                self._book.note(response_id, target.instance_id, inquiry.principal.user)

        makes_response = dialect is Dialect.RESPONSES and inquiry.route.method == "POST"
        return Relay(
            exchange,
            tap,
            error_dialect=dialect if is_stream else None,
            on_begin=on_begin if makes_response else None,
            on_break=on_break,
            on_end=on_end,
        )


def permitted_route(snapshot: Snapshot, principal: Principal, model: str) -> routing.Route:
    """The route of a model; `ModelNotFound` alike for an unknown and a forbidden one."""
    route = snapshot.routes.get(model)
    if route is None or not may_use(principal, route.deployment):
        raise ModelNotFound(model)
    return route
