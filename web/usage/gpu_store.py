"""What the database knows of GPUs: when jobs had them, and whose tokens they made."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import Integer, func, or_, select, type_coerce

from web.database import Database
from web.fleet.models import InstanceRow
from web.usage.gpu_hours import HOURS_PER_DAY, Allocation, Owner, Tokens
from web.usage.models import UsageRow


class GpuStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def has_gpus(self) -> bool:
        """Whether any instance ever had one."""
        with self._database.read() as session:
            query = select(InstanceRow.id).where(InstanceRow.gpus > 0).limit(1)
            return session.execute(query).first() is not None

    def allocations(
        self, since: datetime | None, until: datetime, now: datetime, model: str | None
    ) -> list[Allocation]:
        """Those that reach into [since, until); a job that still runs has its GPUs until now."""
        row = InstanceRow
        ran = row.allocated_at.is_not(None) & (row.allocated_at < until)
        if since is not None:
            ran &= row.released_at.is_(None) | (row.released_at > since)
        earlier = (row.gpu_seconds_before > 0) & (row.created_at < until)
        query = select(row).where(row.gpus > 0, or_(ran, earlier))
        if model is not None:
            query = query.where(row.model == model)
        with self._database.read() as session:
            return [each for found in session.scalars(query) for each in _allocations(found, now)]

    def tokens(
        self, since: datetime, until: datetime, models: Collection[str], *, by_key: bool
    ) -> Tokens:
        """Of the whole days (of UTC) that [since, until) reaches into."""
        day = type_coerce(UsageRow.hour, Integer) // HOURS_PER_DAY
        owner = [UsageRow.user, *([UsageRow.key_id] if by_key else [])]
        count = func.sum(UsageRow.prompt_tokens + UsageRow.completion_tokens)
        query = (
            select(day, UsageRow.model, count, *owner)
            .where(UsageRow.hour >= _day(since), UsageRow.hour < _day(until) + timedelta(days=1))
            .where(UsageRow.model.in_(models))
            .group_by(day, UsageRow.model, *owner)
        )
        found: dict[tuple[str, int], dict[Owner, int]] = defaultdict(dict)
        with self._database.read() as session:
            for number, model, tokens, user, *key in session.execute(query):
                if tokens:
                    found[model, number][Owner(user, *(key or [""]))] = int(tokens)
        return found


def _allocations(row: InstanceRow, now: datetime) -> Iterable[Allocation]:
    if row.gpu_seconds_before > 0:
        # Of runs before a requeue only the sum is kept: they are taken to have come first.
        length = timedelta(seconds=row.gpu_seconds_before / row.gpus)
        yield Allocation(row.model, row.gpus, row.created_at, row.created_at + length)
    if row.allocated_at is not None:
        # While the cluster does not answer, nobody knows more than the time limit.
        end = row.released_at or min(now, row.walltime_end or now)
        yield Allocation(row.model, row.gpus, row.allocated_at, max(row.allocated_at, end))


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
