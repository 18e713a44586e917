"""Everything that the pages are made of, opened once per gateway worker.

The stores stand on a database of the pages' own and are used inside `aside.do` only: a worker's
streams share one thread, which no page may hold up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from web.aside import Aside
from web.audit.store import AuditLog
from web.catalog.file import CatalogFile
from web.config import Settings
from web.database import Database
from web.demand.store import DemandStore
from web.fleet.order_store import OrderStore
from web.fleet.orphan_store import OrphanStore
from web.fleet.outlook import Outlook
from web.fleet.store import InstanceStore
from web.health import Readiness
from web.identity.account_store import AccountStore
from web.identity.directory.opening import open_login
from web.identity.login import Login
from web.identity.session_store import SessionStore
from web.identity.sessions import Sessions
from web.identity.store import KeyStore
from web.limits.limiting import Limiting
from web.limits.store import LimitStore
from web.portal.viewer import Viewer
from web.secrets import Secrets
from web.usage.asking import UsageDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    settings: Settings
    clock: Callable[[], datetime]
    secrets: Secrets
    outlook: Outlook
    catalog: CatalogFile
    readiness: Readiness
    limiting: Limiting
    login: Login
    usage: UsageDesk
    usage_aside: Aside
    aside: Aside
    database: Database
    sessions: Sessions
    accounts: AccountStore
    keys: KeyStore
    limits: LimitStore
    instances: InstanceStore
    orders: OrderStore
    orphans: OrphanStore
    demand: DemandStore
    audit: AuditLog

    def note(self, viewer: Viewer, action: str, subject: str, **detail: object) -> None:
        """Write a deed of the viewer's down, right after it and inside the same `aside.do`."""
        self.audit.record(viewer.name, viewer.origin, action, subject, detail, self.clock())


def open_parts(
    settings: Settings,
    clock: Callable[[], datetime],
    outlook: Outlook,
    catalog: CatalogFile,
    readiness: Readiness,
    limiting: Limiting,
    usage: UsageDesk,
    usage_aside: Aside,
) -> Parts:
    """Asks nobody yet. Raises ConfigError where LOGIN asks for what is not there."""
    database = Database(settings.database_url)
    secrets = Secrets(settings.data_dir)
    lifetime = timedelta(hours=settings.session_hours)
    # Logging in waits for directories and on purpose, so it is done among the streams: no write of
    # its own waits for the disk, and a password is hashed in a thread.
    login = open_login(settings, Database(settings.database_url, durable=False), Aside().do)
    return Parts(
        settings=settings,
        clock=clock,
        secrets=secrets,
        outlook=outlook,
        catalog=catalog,
        readiness=readiness,
        limiting=limiting,
        login=login,
        usage=usage,
        usage_aside=usage_aside,
        aside=Aside(),
        database=database,
        sessions=Sessions(SessionStore(database), secrets, clock, lifetime),
        accounts=AccountStore(database),
        keys=KeyStore(database, secrets),
        limits=LimitStore(database),
        instances=InstanceStore(database),
        orders=OrderStore(database),
        orphans=OrphanStore(database),
        demand=DemandStore(database),
        audit=AuditLog(database),
    )
