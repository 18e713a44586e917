"""What the database knows of GPUs: when jobs had them, and whose tokens they made."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer, case, func, literal, or_, select, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from web.database import Database
from web.fleet.models import InstanceRow
from web.usage.gpu_days import Run
from web.usage.gpu_hours import HOURS_PER_DAY, Allocation, Part, Totals, micros, moment
from web.usage.lines import Question
from web.usage.models import UsageRow
from web.usage.periods import By

DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKENS = UsageRow.prompt_tokens + UsageRow.completion_tokens
_COLUMNS = {By.USER: UsageRow.user, By.KEY: UsageRow.key_id, By.MODEL: UsageRow.model}


class _Micros(FunctionElement[int]):
    """Microseconds since 1970, told by the database: a cluster has had some ten thousand instances
    in a year, and making four moments of each takes longer than all the rest."""

    inherit_cache = True
    type = BigInteger()


@compiles(_Micros, "sqlite")
def _of_text(element: _Micros, compiler: SQLCompiler, **more: Any) -> str:
    # As SQLAlchemy keeps it: 2026-11-20 12:30:15.123456
    text = compiler.process(element.clauses, **more)
    return f"(strftime('%s', {text}) * 1000000 + CAST(substr({text}, 21) AS INTEGER))"


@compiles(_Micros, "postgresql")
def _of_moment(element: _Micros, compiler: SQLCompiler, **more: Any) -> str:
    return f"CAST(extract(epoch FROM {compiler.process(element.clauses, **more)}) * 1e6 AS bigint)"


_row = InstanceRow.__table__.c
_ENDED = (_row.model, _row.gpus, _Micros(_row.allocated_at), _Micros(_row.released_at))
_OTHERS = (
    *_ENDED,
    _row.gpu_seconds_before,
    _Micros(_row.created_at),
    _Micros(_row.walltime_end),
)


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
        models = None if model is None else [model]
        return [
            Allocation(name, gpus, moment(start_us), moment(max(start_us, end_us)))
            for name, gpus, start_us, end_us in self.runs(since, until, now, models)
        ]

    def runs(
        self,
        since: datetime | None,
        until: datetime,
        now: datetime,
        models: Collection[str] | None = None,
    ) -> list[Run]:
        """The same, of some models or of all."""
        row = _row
        wheres = [row.gpus > 0]
        if models is not None:
            wheres.append(row.model.in_(models))
        ran = row.allocated_at.is_not(None) & (row.allocated_at < until)
        earlier = (row.gpu_seconds_before > 0) & (row.created_at < until)
        ended = [ran, row.released_at.is_not(None), row.gpu_seconds_before == 0]
        if since is not None:
            ended.append(row.released_at > since)
        # Most have simply ended, and are told as they stand there.
        odd = or_(earlier, ran & (row.released_at.is_(None) | (row.gpu_seconds_before > 0)))
        now_us = micros(now)
        with self._database.read() as session:
            found = session.execute(select(*_ENDED).where(*wheres, *ended)).all()
            others = session.execute(select(*_OTHERS).where(*wheres, odd))
            return [*found, *(run for each in others for run in _runs(now_us, *each))]

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


def _runs(
    now_us: int,
    model: str,
    gpus: int,
    allocated_us: int | None,
    released_us: int | None,
    seconds_before: float,
    created_us: int,
    walltime_end_us: int | None,
) -> Iterator[Run]:
    if seconds_before > 0:
        # Of runs before a requeue only the sum is kept: they are taken to have come first.
        yield model, gpus, created_us, created_us + round(seconds_before / gpus * 1e6)
    if allocated_us is not None:
        # While the cluster does not answer, nobody knows more than the time limit.
        until_us = now_us if walltime_end_us is None else min(now_us, walltime_end_us)
        yield model, gpus, allocated_us, until_us if released_us is None else released_us


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
