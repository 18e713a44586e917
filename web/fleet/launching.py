"""A launch: intent, then sbatch, then record. A crash in between is mended by adoption."""

import logging
import secrets as randomness
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from slurm.cluster import Cluster
from slurm.errors import ShellUnavailable, SubmitRejected, SubmitUnknown
from web.catalog.deployment import Deployment
from web.catalog.file import CatalogFile
from web.failpoints import reach
from web.fleet.changes import ForbiddenMove, moved, submitted
from web.fleet.launch import SpecWriter
from web.fleet.seal import new_id
from web.fleet.states import EndReason, Instance, InstanceState
from web.fleet.store import FleetStore

S = InstanceState

log = logging.getLogger(__name__)


class Launcher:
    def __init__(
        self,
        cluster: Cluster,
        store: FleetStore,
        catalog: CatalogFile,
        writer: SpecWriter,
        clock: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._catalog = catalog
        self._writer = writer
        self._clock = clock

    def launch(self, model: str, why: str) -> None:
        """Raises ShellUnavailable when nothing reached the cluster; then nothing is left of it."""
        deployment = self._catalog.current().find(model)
        if deployment is None:
            return
        intent = self._intent(deployment)
        reach("launch.wanted")
        self._store.intend(intent)
        reach("launch.intended")
        try:
            spec = self._writer.spec(deployment, intent.id, intent.secret_version)
            job_id = self._cluster.submit(spec)
        except (SubmitRejected, ValueError) as refusal:
            log.warning("Slurm refuses to run %s: %s", model, refusal)
            self._fail(intent.id, refusal)
        except SubmitUnknown as doubt:
            log.warning("whether %s was submitted is unknown, looking for it: %s", model, doubt)
        except ShellUnavailable:
            self._store.withdraw(intent.id, self._clock())
            raise
        else:
            log.info("launched %s as instance %s, job %s: %s", model, intent.id, job_id, why)
            reach("launch.submitted")
            self._record(intent.id, job_id)
            reach("launch.recorded")

    def _intent(self, deployment: Deployment) -> Instance:
        now, secrets = self._clock(), self._writer.secrets
        return Instance(
            new_id(secrets, randomness.choice),
            deployment.name,
            self._cluster.name,
            S.SUBMITTING,
            created_at=now,
            state_since=now,
            secret_version=secrets.current,
            fingerprint=deployment.fingerprint,
            gpus=deployment.gpus,
        )

    def _record(self, instance_id: str, job_id: str) -> None:
        self._change(instance_id, lambda i: submitted(i, job_id, self._clock()))

    def _fail(self, instance_id: str, refusal: SubmitRejected | ValueError) -> None:
        # What cannot even be written as a batch script is as hopeless as what Slurm calls so.
        terminal = not isinstance(refusal, SubmitRejected) or refusal.terminal

        def fail(instance: Instance) -> Instance:
            refused = replace(
                instance, end_reason=EndReason.REJECTED, detail=str(refusal), terminal=terminal
            )
            return moved(refused, S.FAILED, self._clock())

        self._change(instance_id, fail)

    def _change(self, instance_id: str, change: Callable[[Instance], Instance]) -> None:
        try:
            self._store.change(instance_id, change)
        except ForbiddenMove as lost_race:
            log.info("overtaken by a callback: %s", lost_race)
