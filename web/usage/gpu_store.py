"""What the database knows of GPUs: when jobs had them, and whose tokens they made."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Integer, case, func, literal, or_, select, type_coerce

from web.database import Database
from web.fleet.models import InstanceRow
from web.usage.gpu_hours import HOURS_PER_DAY, Allocation, Part, Totals
from web.usage.lines import Question
from web.usage.models import UsageRow
from web.usage.periods import By

DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKENS = UsageRow.prompt_tokens + UsageRow.completion_tokens
_COLUMNS = {By.USER: UsageRow.user, By.KEY: UsageRow.key_id, By.MODEL: UsageRow.model}


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

    def totals(self, since: datetime, until: datetime, models: Collection[str]) -> Totals:
        """Of the whole days (of UTC) that [since, until) reaches into."""
        day = type_coerce(UsageRow.hour, Integer) // HOURS_PER_DAY
        query = (
            select(day, UsageRow.model, func.sum(_TOKENS))
            .where(UsageRow.hour >= _day(since), UsageRow.hour < _day(until) + DAY)
            .where(UsageRow.model.in_(models))
            .group_by(day, UsageRow.model)
        )
        with self._database.read() as session:
            return {(model, number): int(sum_) for number, model, sum_ in session.execute(query)}

    def weigh(
        self, by: Sequence[By], question: Question, day: int, rates: Mapping[str, float]
    ) -> Iterator[Part]:
        """What a day's tokens make of GPU-microseconds, apart by what is asked by."""
        begin = _EPOCH + day * DAY
        rate = case(dict(rates), value=UsageRow.model, else_=0.0)
        names = [_COLUMNS[each] if each in by else literal("") for each in _COLUMNS]
        query = (
            select(*names, func.sum(_TOKENS * rate))
            .where(UsageRow.hour >= begin, UsageRow.hour < begin + DAY, _TOKENS > 0)
            .where(UsageRow.model.in_(rates))
            .group_by(*(_COLUMNS[each] for each in _COLUMNS if each in by))
            .having(func.count() > 0)
        )
        if question.user is not None:
            query = query.where(UsageRow.user == question.user)
        if question.key_id is not None:
            query = query.where(UsageRow.key_id == question.key_id)
        with self._database.read() as session:
            for row in session.execute(query):
                yield Part(row[0], row[1], row[2], float(row[3]))


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
