"""Looks at everything that the metrics tell, through connections of their own."""

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version

from web.aside import Aside
from web.database import Database
from web.fleet.outlook import Outlook
from web.fleet.store import InstanceStore
from web.health import Readiness
from web.metrics.families import Looked, Sight
from web.usage.spans import EPOCH, Span
from web.usage.sums_store import SumsStore


class MetricsDesk:
    def __init__(
        self,
        database: Database,
        outlook: Outlook,
        readiness: Readiness,
        clock: Callable[[], datetime],
    ) -> None:
        """`database` is used by nobody else."""
        self._aside = Aside()
        self._outlook = outlook
        self._clock = clock
        self._instances = InstanceStore(database)
        self._readiness = readiness.over(database, self._instances)
        self._sums = SumsStore(database)
        self._version = version("kscope-gateway")

    def tell(self, render: Callable[[Sight], bytes]) -> bytes:
        """What `render` makes of all there is, beside the event loop: with hundreds of models it
        has much to write, and streams go on meanwhile. Raises StorageError."""
        snapshot = self._outlook.snapshot
        routes = tuple(snapshot.routes[name] for name in snapshot.names)
        always = Span(EPOCH, self._clock().date())

        def ask() -> bytes:
            sight = Sight(
                self._version,
                self._readiness.parts(),
                self._looked(),
                routes,
                self._instances.live(),
                {each.name: each.line for each in self._sums.by_model(always)},
            )
            return render(sight)

        return self._aside.do(ask)

    def _looked(self) -> Looked | None:
        row = self._instances.last_look()
        if row is None:
            return None
        return Looked(row.tried_at, row.succeeded_at, row.duration_ms / 1000)
