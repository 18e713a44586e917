"""The gateway worker: the snapshot, the choice of an instance, the callback desk. All real code."""

from tests.web.fleet.month.clients import Client
from tests.web.fleet.month.memory import MemoryDemand, MemoryStore
from tests.web.fleet.month.timeline import Timeline
from tests.web.fleet.month.watch import Watch
from tests.web.fleet.month.worker import Worker
from web.catalog import Catalog
from web.errors import ModelUnavailable
from web.fleet.callbacks import Refused, Report, command_for, receive
from web.fleet.policy import Policy
from web.fleet.routing import Snapshot, build_snapshot, choose
from web.fleet.states import Instance
from web.openai_proxy.cold import cold_error

SET_ASIDE_S = 20.0


class Gateway:
    def __init__(
        self,
        timeline: Timeline,
        store: MemoryStore,
        demand: MemoryDemand,
        watch: Watch,
        policy: Policy,
    ) -> None:
        self.timeline, self.store, self.demand, self.watch = timeline, store, demand, watch
        self.policy = policy
        self.catalog = Catalog(())
        self.is_away = False
        self.workers: dict[str, Worker] = {}  # by host and port
        self.waiting: dict[str, list[Client]] = {}
        self.cold_asked = False
        self._built_from: object = None
        self._snapshot = Snapshot({}, ())
        self._set_aside: dict[str, float] = {}

    # Callbacks

    def desk(self, report: Report) -> str | None:
        """The real rules for a report; None when there is nobody to answer it."""
        if self.is_away:
            return None
        answer: list[str] = []

        def change(instance: Instance) -> Instance:
            after = receive(instance, report, self.timeline.clock())
            answer.append(command_for(after, report))
            return after

        if self.store.find(report.instance_id) is None:
            raise Refused(401, "Unknown worker token.")
        self.store.receive(report.instance_id, change, 360)
        return answer[-1]

    # Requests

    def snapshot(self) -> Snapshot:
        source = (self.store.version, self.catalog)
        if source != self._built_from:
            self._snapshot = build_snapshot(
                self.catalog,
                self.store.live(),
                self.store.history(),
                lambda i: i.id,
                self.timeline.clock(),
                self.policy,
                self.store.orders.retried(),
            )
            self._built_from = source
        return self._snapshot

    def send(self, client: Client) -> Worker | str:
        """The worker that computes the request, or `cold`, `full`, `refused`, `unavailable`."""
        if self.is_away:
            return "refused"
        now = self.timeline.clock()
        self.demand.asked[client.model] = now
        route = self.snapshot().routes[client.model]
        if not route.targets:
            error = cold_error(client.model, route.status, now)
            if isinstance(error, ModelUnavailable):
                return "unavailable"
            if not client.is_waiting:
                self.waiting.setdefault(client.model, []).append(client)
                self.cold_asked = True
            return "cold"
        load = {w.job.instance_id: len(w.requests) for w in self.workers.values()}
        aside = {id_ for id_, until in self._set_aside.items() if until > self.timeline.now}
        until = now.timestamp() + route.deployment.drain_timeout_s
        for _ in range(2):  # one more try elsewhere: nothing has reached the client yet
            target = choose(
                route.targets, load, excluded=aside, cap=route.deployment.max_requests, until=until
            )
            if target is None:
                return "full"
            worker = self.workers.get(target.netloc)
            if worker is not None and not worker.gone and not worker.cut_off:
                self.watch.sent(self.store.find(target.instance_id), worker)
                return worker
            self._set_aside[target.instance_id] = self.timeline.now + SET_ASIDE_S
            aside.add(target.instance_id)
        return "refused"

    def is_waited_for(self, model: str) -> bool:
        return any(client.is_waiting for client in self.waiting.get(model, ()))

    def call_back(self, client: Client) -> None:
        """A client that waits asks again."""
        client.is_called = False
        if client.is_waiting:
            client.ask()
