"""Orders of administrators in the database: anybody may give one, the fleet process fulfils it.

Fulfilled orders stay: they tell who did what.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from web.database import Database, bump
from web.fleet.models import OrderRow
from web.fleet.orders import Order, OrderKind
from web.fleet.states import EndReason, Instance

TOPIC = "orders"
"""The version counter that wakes the fleet process."""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order, who gave it, and what came of it; `done_at` is None while it is open."""

    order: Order
    given_by: str
    done_at: datetime | None
    outcome: str


class OrderStore:
    """What everybody may do: give an order, and see what came of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(
        self, kind: OrderKind, model: str, instance_id: str | None, by: str, now: datetime
    ) -> int:
        """The new order's id. `instance_id` None: for all instances of the model."""
        with self._database.write() as session:
            row = OrderRow(
                kind=kind.value,
                model=model,
                instance_id=instance_id,
                given_by=by,
                given_at=now,
            )
            session.add(row)
            session.flush()
            bump(session, TOPIC)
            return row.id

    def open(self) -> tuple[Order, ...]:
        """Those not yet fulfilled, in the order they were given."""
        query = select(OrderRow).where(OrderRow.done_at.is_(None)).order_by(OrderRow.id)
        with self._database.read() as session:
            return tuple(map(_to_order, session.scalars(query)))

    def find(self, order_id: int) -> OrderRecord | None:
        with self._database.read() as session:
            row = session.get(OrderRow, order_id)
            if row is None:
                return None
            return _record(row)

    def recent(self, limit: int) -> tuple[OrderRecord, ...]:
        """The last orders whatever became of them, the newest first."""
        query = select(OrderRow).order_by(OrderRow.id.desc()).limit(limit)
        with self._database.read() as session:
            return tuple(map(_record, session.scalars(query)))

    def retried(self) -> dict[str, datetime]:
        """model -> when it was last told to try again, whether that is fulfilled or not."""
        query = (
            select(OrderRow.model, func.max(OrderRow.given_at))
            .where(OrderRow.kind == OrderKind.RETRY.value)
            .group_by(OrderRow.model)
        )
        with self._database.read() as session:
            return dict(session.execute(query).all())


def fulfil(session: Session, order_id: int, outcome: str, now: datetime) -> None:
    """Record the outcome, within a write transaction. The first one stands."""
    row = session.get(OrderRow, order_id, with_for_update=True)
    if row is not None and row.done_at is None:
        row.done_at, row.outcome = now, outcome


def givers(session: Session, order_ids: Collection[int]) -> Callable[[Instance], str | None]:
    """Who ended an instance by one of these orders; None: nobody, it has other reasons."""
    query = select(OrderRow).where(OrderRow.id.in_(order_ids)).order_by(OrderRow.id)
    orders = session.scalars(query).all() if order_ids else ()

    def giver(instance: Instance) -> str | None:
        if instance.end_reason is not EndReason.OPERATOR:
            return None
        own = (o for o in orders if o.model == instance.model)
        return next((o.given_by for o in own if o.instance_id in (None, instance.id)), None)

    return giver


def _record(row: OrderRow) -> OrderRecord:
    return OrderRecord(_to_order(row), row.given_by, row.done_at, row.outcome)


def _to_order(row: OrderRow) -> Order:
    return Order(row.id, OrderKind(row.kind), row.model, row.instance_id, row.given_at)
