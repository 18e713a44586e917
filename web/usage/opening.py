"""The desk that answers what was used, put together for the commands and for the gateway."""

from collections.abc import Callable
from datetime import datetime

from web.config import Settings
from web.database import Database
from web.usage.asking import UsageDesk
from web.usage.gpu_desk import GpuDesk
from web.usage.gpu_store import GpuStore
from web.usage.store import UsageStore


def usage_desk(settings: Settings, database: Database, clock: Callable[[], datetime]) -> UsageDesk:
    gpus = gpu_desk(settings, database, clock)
    currency = settings.currency if settings.gpu_hour_price is not None else None
    return UsageDesk(UsageStore(database), gpus.shares, currency)


def gpu_desk(settings: Settings, database: Database, clock: Callable[[], datetime]) -> GpuDesk:
    return GpuDesk(GpuStore(database), clock, settings.gpu_hour_price)
