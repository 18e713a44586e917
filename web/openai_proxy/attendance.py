"""Keeping the data path's idea of the instances true: their load, who is gone, who is back."""

import logging
from collections.abc import Callable
from datetime import datetime

from web.database import StorageError, why
from web.fleet.outlook import Outlook
from web.fleet.routing import Target
from web.fleet.store import InstanceStore
from web.openai_proxy.standing import Standing
from web.openai_proxy.upstream import EnginePool

INTERVAL_S = 1.0

log = logging.getLogger(__name__)


class Attendance:
    """`refresh` runs in the background, once per INTERVAL_S."""

    def __init__(
        self,
        store: InstanceStore,
        outlook: Outlook,
        standing: Standing,
        pool: EnginePool,
        probe: Callable[[Target, str], bool],
    ) -> None:
        self._store = store
        self._outlook = outlook
        self._standing = standing
        self._pool = pool
        self._probe = probe
        self._heard: dict[str, datetime | None] = {}

    def refresh(self) -> None:
        snapshot = self._outlook.snapshot
        targets = {
            target.instance_id: (target, name)
            for name in snapshot.names
            for target in snapshot.routes[name].targets
        }
        self._standing.forget_all_but(set(targets))
        self._pool.forget_all_but(t.netloc for t, _ in targets.values())
        try:
            self._hear()
        except StorageError as error:
            log.warning("the load of the instances is not known: %s", why(error))
        # One that failed just now may have ended meanwhile: then it is not asked any more.
        for instance_id in self._standing.ejected & targets.keys():
            target, model = targets[instance_id]
            if self._probe(target, model):
                log.info("instance %s answers again", instance_id)
                self._standing.proven(instance_id)

    def _hear(self) -> None:
        for instance_id, (at, load) in self._store.loads().items():
            if self._heard.get(instance_id) != at:
                self._heard[instance_id] = at
                self._standing.heard(instance_id, load)
