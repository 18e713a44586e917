"""The gateway worker's own copy of the world, refreshed when the database says it changed."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from web.catalog.file import CatalogFile
from web.database import Database, StorageError, why
from web.fleet.launch import engine_key
from web.fleet.order_store import TOPIC as ORDERS_TOPIC
from web.fleet.order_store import OrderStore
from web.fleet.policy import Policy
from web.fleet.routing import Snapshot, build_snapshot
from web.fleet.store import TOPIC, InstanceStore
from web.secrets import Secrets

INTERVAL_S = 0.25

log = logging.getLogger(__name__)


class Outlook:
    """`snapshot` is always there and never waits; `refresh` is cheap when nothing changed."""

    def __init__(
        self,
        database: Database,
        store: InstanceStore,
        orders: OrderStore,
        catalog: CatalogFile,
        secrets: Secrets,
        clock: Callable[[], datetime],
        policy: Policy,
    ) -> None:
        self._database = database
        self._store = store
        self._orders = orders
        self._catalog = catalog
        self._secrets = secrets
        self._clock = clock
        self._policy = policy
        self._built_from: object = None
        self.snapshot = Snapshot({}, ())
        # Set after each change, for requests that wait for one.
        self.listeners: set[threading.Event] = set()

    def refresh(self) -> None:
        """Rebuild the snapshot if instances or catalog changed since the last time.

        A database that is away leaves the last known world in use.
        """
        try:
            self._refresh()
        except StorageError as error:
            log.warning("routing goes by what was last known: %s", why(error))

    def _refresh(self) -> None:
        catalog = self._catalog.current()
        versions = self._database.versions()
        source = (versions.get(TOPIC, 0), versions.get(ORDERS_TOPIC, 0), catalog.fingerprint)
        if source == self._built_from:
            return
        live, history = self._store.live(), self._store.history()
        self.snapshot = build_snapshot(
            catalog,
            live,
            history,
            lambda i: engine_key(self._secrets, i.id, i.secret_version),
            self._clock(),
            self._policy,
            self._orders.retried(),
        )
        self._built_from = source
        for listener in tuple(self.listeners):
            listener.set()
