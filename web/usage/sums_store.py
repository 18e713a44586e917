"""Sums by day and month, kept beside the hours and in the same transaction: so they are always what
the hours add up to, and no page reads a million rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Select, func, literal, select, union_all
from sqlalchemy.orm import Session

from web.database import Database
from web.usage.lines import COUNTS, Line, LineKey
from web.usage.models import ModelSumRow, UserModelSumRow, UserSumRow
from web.usage.spans import Piece, Span, Unit, day_number, label, periods_of, pieces
from web.usage.writing_store import increment

# user, day since 1970, model, tokens the user had of it that day, tokens all had of it then
Tokens: TypeAlias = tuple[str, int, str, int, int]


class Sum(NamedTuple):
    """`period`: a day or month as it is called, "" for all; `name`: a user or model, "" for all."""

    period: str
    name: str
    line: Line


def add_up(session: Session, lines: Iterable[tuple[LineKey, Line]]) -> None:
    """Add the lines to the sums of their days and months."""
    users: dict[tuple[str, int, str], Line] = {}
    for key, line in lines:
        for period in periods_of(key.hour):
            users.setdefault((key.user, period, key.model), Line()).add(line)
    models: dict[tuple[int, str], Line] = {}
    everybody: dict[tuple[int, str], Line] = {}
    for (user, period, model), line in users.items():
        models.setdefault((period, model), Line()).add(line)
        everybody.setdefault((period, user), Line()).add(line)
    _write(session, UserModelSumRow, ("user_name", "period", "model"), users)
    _write(session, UserSumRow, ("period", "user_name"), everybody)
    # Last, because here all writers meet: whoever has these rows keeps the others waiting.
    _write(session, ModelSumRow, ("period", "model"), models)


def _write(
    session: Session, row: Any, names: Sequence[str], sums: Mapping[tuple[Any, ...], Line]
) -> None:
    rows = [
        dict(zip(names, key, strict=True)) | {name: getattr(sums[key], name) for name in COUNTS}
        for key in sorted(sums)
    ]
    increment(session, row.__table__, rows)


class SumsStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_user(self, user: str, span: Span) -> list[Sum]:
        """What one user did, by the span's unit and by model."""
        mine = [UserModelSumRow.user == user]
        return self._sums(
            _summed(UserModelSumRow, span, span.unit, UserModelSumRow.model, mine), span.unit
        )

    def of_everybody(self, span: Span, models: Collection[str] | None = None) -> list[Sum]:
        """By the span's unit; of some models, by model too."""
        if models is None:
            return self._sums(_summed(ModelSumRow, span, span.unit), span.unit)
        within = [ModelSumRow.model.in_(models)]
        return self._sums(
            _summed(ModelSumRow, span, span.unit, ModelSumRow.model, within), span.unit
        )

    def by_model(self, span: Span) -> list[Sum]:
        return self._sums(_summed(ModelSumRow, span, Unit.WHOLE, ModelSumRow.model), Unit.WHOLE)

    def by_user(
        self, span: Span, named_like: str, offset: int, limit: int
    ) -> tuple[list[Sum], int]:
        """Those whose names have that in them, who had most tokens first; and how many in all.

        From the first when there are no more than `offset`.
        """
        like = [UserSumRow.user.icontains(named_like, autoescape=True)] if named_like else []
        sums = _summed(UserSumRow, span, Unit.WHOLE, UserSumRow.user, like).subquery()
        tokens = sums.c.prompt_tokens + sums.c.completion_tokens
        query = select(sums, func.count().over()).order_by(tokens.desc(), sums.c.name)
        with self._database.read() as session:
            rows = session.execute(query.offset(offset).limit(limit)).all()
            if not rows and offset:
                rows = session.execute(query.limit(limit)).all()
        return [_sum(row[:-1], Unit.WHOLE) for row in rows], rows[0][-1] if rows else 0

    def tokens_by_day(self, users: Collection[str], span: Span) -> Sequence[Tokens]:
        """Of each day and model that these users had any of."""
        # By the tables themselves: these are many rows, and the ORM takes as long as the database.
        mine, all_ = UserModelSumRow.__table__.c, ModelSumRow.__table__.c
        tokens = mine.prompt_tokens + mine.completion_tokens
        query = (
            select(
                mine.user_name,
                mine.period,
                mine.model,
                tokens,
                all_.prompt_tokens + all_.completion_tokens,
            )
            .where(all_.period == mine.period, all_.model == mine.model)
            .where(mine.user_name.in_(users), tokens > 0)
            .where(mine.period.between(day_number(span.first), day_number(span.last)))
        )
        with self._database.read() as session:
            return session.execute(query).all()

    def _sums(self, query: Select[Any], unit: Unit) -> list[Sum]:
        with self._database.read() as session:
            return [_sum(row, unit) for row in session.execute(query)]


def _summed(
    row: Any,
    span: Span,
    unit: Unit,
    name: Any = None,
    wheres: Sequence[ColumnElement[bool]] = (),
) -> Select[Any]:
    """period, name, each of COUNTS: by the unit and, if there is a name, by it."""
    parts = [_part(row, piece, unit, name, wheres) for piece in pieces(span, unit)]
    if len(parts) == 1:
        return parts[0]
    found = union_all(*parts).subquery()
    counts = [func.sum(found.c[each]).label(each) for each in COUNTS]
    query = select(found.c.period, found.c.name, *counts)
    return query.group_by(found.c.period, found.c.name)


def _part(
    row: Any, piece: Piece, unit: Unit, name: Any, wheres: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    # Days before and after whole months are told as one: they are of one month.
    by_period = unit is Unit.DAY or (unit is Unit.MONTH and piece.of_months)
    period = row.period if by_period else literal(piece.low if unit is Unit.MONTH else 0)
    shown = literal("") if name is None else name
    counts = [func.sum(getattr(row, each)).label(each) for each in COUNTS]
    query = select(period.label("period"), shown.label("name"), *counts)
    query = query.where(_within(row.period, piece), *wheres)
    # Without any row there is to be no sum either.
    query = query.having(func.count() > 0)
    return query.group_by(*([row.period] if by_period else []), *([] if name is None else [name]))


def _within(period: Any, piece: Piece) -> ColumnElement[bool]:
    within: ColumnElement[bool] = period.between(piece.low, piece.high)
    return within


def _sum(row: Sequence[Any], unit: Unit) -> Sum:
    period, name, *counts = row
    # PostgreSQL sums whole numbers up as decimals.
    line = Line(*map(int, counts[:-1]))
    line.duration_s = float(counts[-1])
    return Sum(label(period, unit), name, line)
