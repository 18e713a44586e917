"""Usage in the database: added to in batches, summed by whatever is asked for."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, literal_column, select
from sqlalchemy.orm import Session

from web.database import Database
from web.usage.lines import COUNTS, Batch, Line, LineKey, Question, Sums
from web.usage.models import UsageRow, UsageWriterRow
from web.usage.periods import HOUR, TIMES, By, Period, label, periods
from web.usage.sums_store import add_up
from web.usage.writing_store import increment, insert_into, is_sqlite

# A writer lives for weeks at most, and repeats a batch in doubt for minutes.
WRITER_KEPT_FOR = timedelta(days=90)
_COLUMNS = {By.USER: "user_name", By.KEY: "key_id", By.MODEL: "model"}


class TooMuch(Exception):
    """More rows than the one who asks can take."""

    def __init__(self, most_rows: int) -> None:
        super().__init__(f"that is more than {most_rows:,} rows: ask for less of it, or by less")


class UsageStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, writer: str, batch: Batch, now: datetime) -> None:
        """Add a batch; one that is there already (see `ledger`) is not added again."""
        with self._database.write() as session:
            if batch.number == 1:
                old = UsageWriterRow.written_at < now - WRITER_KEPT_FOR
                session.execute(delete(UsageWriterRow).where(old))
            if _is_new(session, writer, batch.number, now):
                increment(session, UsageRow.__table__, [_values(*each) for each in batch.lines])
                add_up(session, batch.lines)

    def sums(
        self, by: Sequence[By], question: Question, zone: tzinfo, most_rows: int | None = None
    ) -> list[Sums]:
        """By days and months of `zone`, sorted by what was asked by. Raises TooMuch."""
        wheres, limit = _wheres(question), None if most_rows is None else most_rows + 1
        found: list[Sums] = []
        with self._database.read() as session:
            for begin, within in _stretches(session, by, wheres, zone):
                rows = _grouped(session, by, within, limit)
                found += [_sums(row, by, zone, begin) for row in rows]
                if most_rows is not None and len(found) > most_rows:
                    raise TooMuch(most_rows)
        return sorted(found, key=lambda sums: sums.names)


def _is_new(session: Session, writer: str, number: int, now: datetime) -> bool:
    """One statement: it waits for a commit of the same batch that the server has not finished."""
    insert = insert_into(session, UsageWriterRow.__table__)
    statement = insert.values(writer=writer, batch=number, written_at=now)
    statement = statement.on_conflict_do_update(
        index_elements=["writer"],
        set_={"batch": number, "written_at": now},
        where=UsageWriterRow.batch < number,
    )
    return session.execute(statement.returning(UsageWriterRow.batch)).first() is not None


def _values(key: LineKey, line: Line) -> dict[str, object]:
    return {
        "hour": key.hour,
        "key_id": key.key_id,
        "model": key.model,
        "user_name": key.user,
        **{name: getattr(line, name) for name in COUNTS},
    }


def _wheres(question: Question) -> list[ColumnElement[bool]]:
    equal = (
        (UsageRow.user, question.user),
        (UsageRow.key_id, question.key_id),
        (UsageRow.model, question.model),
    )
    wheres = [column == value for column, value in equal if value is not None]
    if question.since is not None:
        wheres.append(UsageRow.hour >= question.since)
    if question.until is not None:
        wheres.append(UsageRow.hour < question.until)
    return wheres


def _stretches(
    session: Session, by: Sequence[By], wheres: list[ColumnElement[bool]], zone: tzinfo
) -> Iterator[tuple[datetime | None, list[ColumnElement[bool]]]]:
    """(begin, wheres) of each day or month, if it is asked by days or months; else all in one.

    One query each: how long they are is the calendar's business, and each reads a stretch of rows.
    """
    unit = next((each for each in TIMES if each in by), By.HOUR)
    if unit is By.HOUR:
        yield None, wheres
    elif span := _span(session, wheres):
        for period in periods(span, unit, zone):
            within = [UsageRow.hour >= period.begin, UsageRow.hour < period.end]
            yield period.begin, [*wheres, *within]


def _span(session: Session, wheres: Sequence[ColumnElement[bool]]) -> Period | None:
    """From the first to the last hour of which there is any usage."""
    hour = UsageRow.hour
    # Two queries, each answered by one end of an index; both ends in one would take them all.
    first, last = (
        session.execute(select(hour).where(*wheres).order_by(order).limit(1)).scalar()
        for order in (hour.asc(), hour.desc())
    )
    return Period(first, last + HOUR) if first is not None and last is not None else None


def _grouped(
    session: Session, by: Sequence[By], wheres: Sequence[ColumnElement[bool]], limit: int | None
) -> Sequence[Row[Any]]:
    """(hour if it is asked by, each name of `by` that is no time, each of COUNTS)"""
    hour = [UsageRow.hour] if By.HOUR in by else []
    # With its plus, SQLite does not group by walking the index of users: that would fetch a million
    # rows one by one, for seconds, where reading them in their order takes half of one.
    plus = "+" if is_sqlite(session) else ""
    names: list[ColumnElement[str]] = [
        literal_column(plus + _COLUMNS[each]) for each in by if each not in TIMES
    ]
    counts = [func.sum(getattr(UsageRow, name)) for name in COUNTS]
    columns: list[Any] = [*hour, *names, *counts]
    query = select(*columns).where(*wheres).group_by(*hour, *names).having(func.count() > 0)
    return session.execute(query.limit(limit)).all()


def _sums(row: Row[Any], by: Sequence[By], zone: tzinfo, begin: datetime | None = None) -> Sums:
    told = list(row)
    moment = told.pop(0) if By.HOUR in by else begin
    split = len(told) - len(COUNTS)
    others = iter(told[:split])
    names = tuple(
        label(moment, each, zone) if each in TIMES and moment else next(others) for each in by
    )
    # PostgreSQL sums whole numbers up as decimals.
    line = Line(*map(int, told[split:-1]))
    line.duration_s = float(told[-1])
    return Sums(names, line)
