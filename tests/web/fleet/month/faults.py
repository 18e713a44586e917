"""What goes wrong in a month, and is mended after a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from slurm.jobs import JobState
from tests.web.fleet.month.scenario import BREAKAGES, Fault
from tests.web.fleet.month.slurm import SLURMD_TIMEOUT_S, SmallJob
from web.fleet.orders import OrderKind

if TYPE_CHECKING:
    from tests.web.fleet.month.month import Month
    from tests.web.fleet.month.worker import Worker


class Misfortune:
    """Carries out a scenario's faults on a month."""

    def __init__(self, month: Month) -> None:
        self._month = month
        self._version = 1

    def plan(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self._month.timeline.at(fault.at, lambda fault=fault: self._begin(fault))

    def _begin(self, fault: Fault) -> None:
        self._month.watch.tell(f"fault: {fault.what} ({fault.model}) for {fault.lasts:.0f} s")
        if fault.what in BREAKAGES:
            self._break(fault)
        else:
            getattr(self, "_" + fault.what.replace(" ", "_"))(fault)
        self._month.disturb()

    def _later(self, fault: Fault, mend) -> None:
        def mended() -> None:
            mend()
            self._month.watch.tell(f"mended: {fault.what} ({fault.model})")
            self._month.slurm.schedule()
            self._month.disturb()

        self._month.timeline.after(fault.lasts, mended)

    def _some(self, fault: Fault) -> Worker | None:
        """A worker, rather one of the fault's model."""
        workers = self._month.workers
        return next((w for w in workers if w.job.model == fault.model), next(iter(workers), None))

    # The cluster and the gateway

    def _slurmctld_is_away(self, fault: Fault) -> None:
        self._month.slurm.is_away = True
        self._later(fault, lambda: setattr(self._month.slurm, "is_away", False))

    def _login_node_is_away(self, fault: Fault) -> None:
        self._month.slurm.login_is_away = True
        self._later(fault, lambda: setattr(self._month.slurm, "login_is_away", False))

    def _gateway_is_away(self, fault: Fault) -> None:
        self._month.gateway.is_away = True
        if not self._month.fleet.is_down:
            self._month.fleet.die(fault.lasts)
        self._later(fault, lambda: setattr(self._month.gateway, "is_away", False))

    def _fleet_dies(self, fault: Fault) -> None:
        if not self._month.fleet.is_down:
            self._month.fleet.die(fault.lasts)

    def _others_compute(self, fault: Fault) -> None:
        slurm = self._month.slurm
        gpus = self._month.random.randint(1, slurm.scenario.gpus)
        slurm.others_gpus += gpus

        def leave() -> None:
            slurm.others_gpus -= gpus

        self._later(fault, leave)

    # Nodes, jobs, engines

    def _node_dies(self, fault: Fault) -> None:
        """Silence at once; Slurm notices minutes later, and may put the job back."""
        worker = self._some(fault)
        if worker is None:
            return
        worker.vanish("node died")
        job, run = worker.job, worker.restart_count

        def notice() -> None:
            if not job.is_live or job.restarts != run:
                return
            if self._month.random.random() < 0.5 and job.ending is None:
                self._month.slurm.requeue(job)
            else:
                self._month.slurm.end(job, JobState.NODE_FAIL)

        self._month.timeline.after(SLURMD_TIMEOUT_S, notice)

    def _node_is_cut_off(self, fault: Fault) -> None:
        worker = self._some(fault)
        if worker is not None:
            worker.cut_off = True
            self._later(fault, worker.thaw)

    def _engine_hangs(self, fault: Fault) -> None:
        worker = self._some(fault)
        if worker is not None:
            worker.hang()
            self._month.watch_closely()
            self._later(fault, worker.thaw)

    def _engine_crashes(self, fault: Fault) -> None:
        worker = self._some(fault)
        if worker is not None and worker.owner:
            worker.crash("CUDA error: an illegal memory access was encountered")

    def _preemption(self, fault: Fault) -> None:
        worker = self._some(fault)
        if worker is None or not worker.job.is_live:
            return
        slurm, gpus = self._month.slurm, worker.job.gpus
        slurm.others_gpus += gpus

        def leave() -> None:
            slurm.others_gpus -= gpus

        self._later(fault, leave)
        if self._month.random.random() < 0.5:
            slurm.terminate(worker.job, JobState.PREEMPTED)
        elif worker.job.ending is None:
            slurm.requeue(worker.job)

    def _requeue(self, fault: Fault) -> None:
        worker = self._some(fault)
        if worker is not None and worker.job.is_live and worker.job.ending is None:
            self._month.slurm.requeue(worker.job)

    def _scancel_by_hand(self, fault: Fault) -> None:
        jobs = [j for j in self._month.slurm.jobs.values() if j.is_live]
        if jobs:
            self._month.slurm.terminate(self._month.random.choice(jobs), JobState.CANCELLED)

    def _purge(self, fault: Fault) -> None:
        """Gone from every listing, as after a slurmctld that lost its state."""
        jobs: list[SmallJob] = [j for j in self._month.slurm.jobs.values() if j.is_live]
        if jobs:
            self._month.slurm.forget(self._month.random.choice(jobs))

    def _row_is_lost(self, fault: Fault) -> None:
        """A backup was put back: the job is ours, its row is gone."""
        rows = self._month.store.live()
        if rows:
            self._month.store.lose(self._month.random.choice(rows).id)

    # Administrators

    def _break(self, fault: Fault) -> None:
        slurm = self._month.slurm
        slurm.broken[fault.model] = fault.what

        def mend() -> None:
            slurm.broken.pop(fault.model, None)
            if self._month.random.random() < 0.5:
                self._month.store.orders.give(OrderKind.RETRY, fault.model)
            else:
                self._new_catalog(fault)

        self._new_catalog(fault)
        self._later(fault, mend)

    def _new_catalog(self, fault: Fault) -> None:
        self._version += 1
        self._month.change_catalog(fault.model, fingerprint=str(self._version))

    def _fewer_wanted(self, fault: Fault) -> None:
        before = self._deployment(fault.model)
        self._month.change_catalog(fault.model, max_instances=max(1, before.min_instances))
        self._later(
            fault,
            lambda: self._month.change_catalog(fault.model, max_instances=before.max_instances),
        )

    def _deployment(self, model: str):
        return next(d for d in self._month.gateway.catalog if d.name == model)

    def _order_to_drain(self, fault: Fault) -> None:
        self._month.store.orders.give(OrderKind.DRAIN, fault.model)

    def _order_to_stop(self, fault: Fault) -> None:
        self._month.store.orders.give(OrderKind.STOP, fault.model)
