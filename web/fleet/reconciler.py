"""Observe, plan, act: the one place where decisions become deeds.

Every deed is written down before it is done (law 5), and each one stands alone: a failure of one
is logged and seen again by the next tick, which plans from what is then true.
"""

import logging
import secrets as randomness
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from slurm.cluster import Cluster
from slurm.errors import ClusterError, ShellUnavailable, SubmitRejected, SubmitUnknown
from slurm.jobs import Job
from slurm.script import instance_id_of
from web.catalog.file import CatalogFile
from web.demand.store import DemandStore
from web.fleet.actions import Action, Cancel, CancelJob, Drain, End, Launch, Note, NoteMissing
from web.fleet.launch import SpecWriter
from web.fleet.observation import Listing, state_after
from web.fleet.pace import Look
from web.fleet.planner import View, plan
from web.fleet.policy import Policy
from web.fleet.states import EndReason, Instance, InstanceState
from web.fleet.store import FleetStore, ForbiddenMove, moved

S = InstanceState
ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

log = logging.getLogger(__name__)


class Reconciler:
    def __init__(
        self,
        cluster: Cluster,
        store: FleetStore,
        demand: DemandStore,
        catalog: CatalogFile,
        writer: SpecWriter,
        clock: Callable[[], datetime],
        policy: Policy,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._demand = demand
        self._catalog = catalog
        self._writer = writer
        self._clock = clock
        self._policy = policy
        self._cluster_answers = False
        # How the last look went; None before the first.
        self.looked: Look | None = None

    def tick(self, *, look: bool) -> None:
        """One pass; `look` asks the cluster, otherwise the plan goes by what is known."""
        view = self._view(self._look() if look else None)
        for action in plan(view, self._clock(), self._policy):
            try:
                self._act(action)
            except ForbiddenMove as lost_race:
                log.info("overtaken by a callback: %s", lost_race)
            except ClusterError as error:
                log.warning("%s failed, will be planned again: %s", type(action).__name__, error)

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
        self._cluster_answers = listing is not None
        self.looked = Look(time.monotonic() - started, ok=listing is not None)
        duration_ms = self.looked.duration_s * 1000
        self._store.record_look(self._cluster.name, self._clock(), duration_ms, problem)
        return listing

    def _view(self, listing: Listing | None) -> View:
        jobs = listing.jobs if listing is not None else ()
        named = [name for job in jobs if (name := instance_id_of(job.name))]
        return View(
            deployments={d.name: d for d in self._catalog.current()},
            instances=self._store.live_or_named(named),
            listing=listing,
            cluster_answers=self._cluster_answers,
            demand=self._demand.asked_at(),
            history=self._store.history(),
        )

    def _act(self, action: Action) -> None:
        match action:
            case Launch(model):
                self._launch(model)
            case Note(instance_id, job, at):
                self._store.change(instance_id, lambda i: _noted(i, job, at, self._clock()))
            case NoteMissing(instance_id):
                self._store.change(instance_id, _missed)
            case Drain(instance_id, reason):
                log.info("draining %s: %s", instance_id, reason)
                self._store.change(instance_id, lambda i: self._to(i, S.DRAINING, reason))
            case Cancel(instance_id, job_id, reason, detail):
                log.info("stopping %s (job %s): %s %s", instance_id, job_id, reason, detail)
                self._stop(instance_id, reason, detail)
                if job_id is not None:
                    self._cluster.cancel(job_id)
            case CancelJob(job_id, instance_id):
                log.warning("job %s must not run for instance %s: ending it", job_id, instance_id)
                self._cluster.cancel(job_id)
            case End(instance_id, state, reason, detail):
                log.info("instance %s is over: %s, %s %s", instance_id, state, reason, detail)
                self._store.change(instance_id, lambda i: self._to(i, state, reason, detail))

    def _launch(self, model: str) -> None:
        """Intent, then sbatch, then record. A crash anywhere in between is mended by adoption."""
        deployment = self._catalog.current().find(model)
        if deployment is None:
            return
        now = self._clock()
        instance_id = "".join(randomness.choice(ID_ALPHABET) for _ in range(10))
        intent = Instance(
            instance_id,
            model,
            self._cluster.name,
            S.SUBMITTING,
            created_at=now,
            state_since=now,
            secret_version=self._writer.secrets.current,
        )
        self._store.intend(intent)
        try:
            job_id = self._cluster.submit(self._writer.spec(deployment, instance_id))
        except (SubmitRejected, ValueError) as refusal:
            log.warning("Slurm refuses to run %s: %s", model, refusal)
            detail = str(refusal)
            self._store.change(
                instance_id, lambda i: self._to(i, S.FAILED, EndReason.REJECTED, detail)
            )
        except SubmitUnknown as doubt:
            log.warning("whether %s was submitted is unknown, looking for it: %s", model, doubt)
        except ShellUnavailable:
            self._store.withdraw(instance_id)
            raise
        else:
            log.info("launched %s as instance %s, job %s", model, instance_id, job_id)
            self._store.change(instance_id, lambda i: _submitted(i, job_id, self._clock()))

    def _stop(self, instance_id: str, reason: EndReason, detail: str) -> None:
        def stop(instance: Instance) -> Instance:
            # Again and again while the job lives: each try starts its own clock.
            fresh = replace(instance, state_since=self._clock())
            return self._to(fresh, S.STOPPING, reason, detail)

        self._store.change(instance_id, stop)

    def _to(
        self, instance: Instance, state: InstanceState, reason: EndReason, detail: str = ""
    ) -> Instance:
        explained = replace(instance, end_reason=reason, detail=detail or instance.detail)
        return moved(explained, state, self._clock())


def _submitted(instance: Instance, job_id: str, now: datetime) -> Instance:
    """A fast job may have claimed already; what it said of itself stands."""
    if instance.job_id is not None:
        return instance
    return moved(replace(instance, job_id=job_id), S.PENDING, now)


def _noted(instance: Instance, job: Job, looked_at: datetime, now: datetime) -> Instance:
    if instance.state.is_over:
        return instance
    seen = replace(
        moved(instance, state_after(instance, job, looked_at), now),
        job_id=instance.job_id or job.job_id,
        slurm_state=job.state.name,
        slurm_reason=job.reason,
        missing_listings=0,
    )
    if job.state.is_waiting:
        return replace(seen, estimated_start=job.start_time)
    return replace(
        seen, estimated_start=None, node=job.node or seen.node, walltime_end=job.end_time
    )


def _missed(instance: Instance) -> Instance:
    return replace(instance, missing_listings=instance.missing_listings + 1)
