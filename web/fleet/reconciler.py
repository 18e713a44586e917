"""Observe, plan, act: the one place where decisions become deeds.

Every deed is written down before it is done (law 5), and each one stands alone: a failure of one
is logged and seen again by the next tick, which plans from what is then true.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

from slurm.cluster import Cluster
from slurm.errors import ClusterError
from slurm.script import instance_id_of
from web.catalog.deployment import Deployment
from web.catalog.file import CatalogFile
from web.demand.store import DemandStore
from web.failpoints import reach
from web.fleet.actions import Action, Cancel, CancelJob, Drain, End, Fulfil, Launch, Suspect, Trust
from web.fleet.changes import Deed, ForbiddenMove, after
from web.fleet.evidence import Probe
from web.fleet.launch import SpecWriter
from web.fleet.launching import Launcher
from web.fleet.observation import Listing
from web.fleet.orphans import orphans_in, unwanted
from web.fleet.pace import Look
from web.fleet.planner import View, plan
from web.fleet.policy import Policy
from web.fleet.records import Records
from web.fleet.seal import is_sealed_by_us
from web.fleet.states import Instance
from web.fleet.store import FleetStore

log = logging.getLogger(__name__)


class Reconciler:
    """`probes` tells what came of asking instances for a token, by instance.

    `looked` is how the last look at the cluster went.
    """

    def __init__(
        self,
        cluster: Cluster,
        store: FleetStore,
        demand: DemandStore,
        catalog: CatalogFile,
        writer: SpecWriter,
        clock: Callable[[], datetime],
        policy: Policy,
        probes: Callable[[], Mapping[str, Probe]] = dict,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._demand = demand
        self._catalog = catalog
        self._writer = writer
        self._clock = clock
        self._policy = policy
        self._probes = probes
        self._records = Records(cluster)
        self._launcher = Launcher(cluster, store, catalog, writer, clock)
        self.looked: Look | None = None
        self._strays: set[str] = set()

    def tick(self, *, look: bool) -> None:
        """One pass; `look` asks the cluster, otherwise the plan goes by what is known."""
        view = self._view(self._look() if look else None)
        reach("look.listed", when=view.listing is not None)
        self._carry_out(plan(view, self._clock(), self._policy), view.instances)
        if view.listing is not None:
            self._tend_orphans(view.listing, view.instances)

    def _look(self) -> Listing | None:
        """The cluster's jobs, or None when it did not answer: unknown is not absent (law 4)."""
        looked_at, started = self._clock(), time.monotonic()
        problem: str | None = None
        listing: Listing | None = None
        try:
            listing = Listing(looked_at, self._cluster.list_jobs())
        except ClusterError as error:
            problem = str(error)
            log.warning("no view of cluster %s: %s", self._cluster.name, error)
        took_s = time.monotonic() - started
        self.looked = Look(took_s, ok=listing is not None)
        self._store.record_look(self._cluster.name, self._clock(), took_s * 1000, problem)
        return listing

    def _view(self, listing: Listing | None) -> View:
        deployments = {d.name: d for d in self._catalog.current()}
        jobs = listing.jobs if listing is not None else ()
        named = [name for job in jobs if (name := instance_id_of(job.name))]
        instances = self._store.live_or_named(named)
        return View(
            deployments=deployments,
            instances=instances,
            listing=listing and self._records.complete(listing, instances),
            cluster_answers=self.looked is not None and self.looked.ok,
            demand=self._demand.asked_at(),
            history=self._store.history(),
            telemetry=self._store.telemetry(self._clock() - self._reach(deployments.values())),
            probes=self._probes(),
            orders=self._store.orders.open(),
            retried=self._store.orders.retried(),
        )

    def _reach(self, deployments: Iterable[Deployment]) -> timedelta:
        """How far back load is judged, and to a heartbeat before that: what held at its start."""
        windows = (max(d.scale_up_after_s, d.scale_down_after_s) for d in deployments)
        return timedelta(seconds=max(windows, default=0.0) + self._policy.silent_after_s)

    def _carry_out(self, actions: Iterable[Action], instances: Iterable[Instance]) -> None:
        """First all that is to be written, in one transaction; then what the cluster is to do."""
        actions, known, now = tuple(actions), {i.id: i for i in instances}, self._clock()
        deeds = [a for a in actions if not isinstance(a, Launch | CancelJob)]
        changes = [deed for deed in deeds if _changes_something(deed, known, now)]
        _before_writing(changes)
        overtaken = self._store.carry_out(changes, now)
        _after_writing(changes)
        for action in actions:
            if action not in overtaken:
                _announce(action)
                self._act(action)

    def _act(self, action: Action) -> None:
        try:
            match action:
                case Launch(model, why):
                    self._launcher.launch(model, why)
                case Cancel(_, str(job_id)):
                    self._store.confirm()
                    self._cancel(job_id)
                case CancelJob(job_id, instance_id):
                    self._cancel_stray(job_id, f"not the job of instance {instance_id}")
        except ClusterError as error:
            log.warning("%s failed, will be planned again: %s", type(action).__name__, error)

    def _cancel_stray(self, job_id: str, why: str) -> None:
        """A job that is no instance's own; it may take several tries, and is recorded once."""
        if job_id in self._strays:
            self._store.confirm()
        else:
            self._store.confirm_stray(job_id, why, self._clock())
            self._strays.add(job_id)
        self._cancel(job_id)

    def _cancel(self, job_id: str) -> None:
        """Call only right after a `confirm`: whoever was paused since the decision may not be the
        one to act on it any more."""
        reach("stop.written")
        self._cluster.cancel(job_id)
        reach("stop.cancelled")

    def _tend_orphans(self, listing: Listing, instances: Collection[Instance]) -> None:
        """Keep the list of jobs that belong to no instance; end those that we must have lost."""
        cluster, known = self._cluster.name, {i.id for i in instances}
        seen = tuple(o for o in self._store.orphans.all() if o.cluster == cluster)
        orphans = orphans_in(listing, cluster, known, seen, self._is_ours)
        if orphans != seen:
            self._store.record_orphans(cluster, orphans)
        for orphan in unwanted(orphans, self._policy):
            log.warning("job %s (%s) is ours and nobody's: ending it", orphan.job_id, orphan.name)
            try:
                self._cancel_stray(orphan.job_id, f"ours and nobody's: {orphan.name}")
            except ClusterError as error:
                log.warning("it is still there, will be asked again: %s", error)

    def _is_ours(self, instance_id: str) -> bool:
        return is_sealed_by_us(self._writer.secrets, instance_id)


def _changes_something(deed: Deed | Fulfil, known: Mapping[str, Instance], now: datetime) -> bool:
    """Whether it is worth a transaction: most of what a listing says is known already."""
    instance = None if isinstance(deed, Fulfil) else known.get(deed.instance_id)
    if isinstance(deed, Fulfil) or instance is None:
        return True
    try:
        return after(deed, instance, now) != instance
    except ForbiddenMove:
        return True


def _before_writing(deeds: Iterable[Deed | Fulfil]) -> None:
    kinds = {type(deed) for deed in deeds}
    reach("drain.planned", when=Drain in kinds)
    reach("end.planned", when=End in kinds)


def _after_writing(deeds: Iterable[Deed | Fulfil]) -> None:
    kinds = {type(deed) for deed in deeds}
    reach("drain.written", when=Drain in kinds)
    reach("end.written", when=End in kinds)


def _announce(action: Action) -> None:
    match action:
        case Drain(instance_id, reason, detail):
            log.info("draining %s: %s %s", instance_id, reason, detail)
        case Cancel(instance_id, job_id, reason, detail):
            log.info("stopping %s (job %s): %s %s", instance_id, job_id, reason, detail)
        case CancelJob(job_id, instance_id):
            log.warning("job %s must not run for instance %s: ending it", job_id, instance_id)
        case End(instance_id, state, reason, detail):
            log.info("instance %s is over: %s, %s %s", instance_id, state, reason, detail)
        case Suspect(instance_id, detail):
            log.warning("instance %s gets no more requests: %s", instance_id, detail)
        case Trust(instance_id):
            log.info("instance %s answers again", instance_id)
        case Fulfil(order_id, outcome):
            log.info("order %s: %s", order_id, outcome)
