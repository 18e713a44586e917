"""Instances, model by model, live; orders for them, and what became of those."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response

from web.fleet.sight_store import SightStore
from web.fleet.states import Instance
from web.portal.forms import asked, chosen
from web.portal.page import fragment, page
from web.portal.pages.admin.door import show
from web.portal.pages.admin.logs import LogPart
from web.portal.parts import Parts
from web.portal.shown.admin_instances import (
    ModelGroup,
    OrderLine,
    Which,
    by_model,
    group_of,
    line_of,
    names_shown,
    order_line,
)
from web.portal.shown.paging import Paging, page_number, slice_of
from web.portal.viewer import Viewer

PATH = "/admin/instances"
MODELS_PER_PAGE = 25
PAST_SHOWN = 3
ORDERS_SHOWN = 15


@dataclass(frozen=True, slots=True)
class Sight:
    """One page of the fleet, and the last orders."""

    groups: tuple[ModelGroup, ...]
    orders: tuple[OrderLine, ...]
    paging: Paging
    now: datetime


def add(blueprint: Blueprint, parts: Parts) -> None:
    pages = InstancePages(parts)
    show(blueprint, PATH, pages.listing)
    show(blueprint, f"{PATH}/table", pages.table)
    show(blueprint, f"{PATH}/one", pages.one)
    show(blueprint, f"{PATH}/one/state", pages.state)


class InstancePages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._sights = SightStore(parts.database)
        self._logs = LogPart(parts)

    def listing(self, _viewer: Viewer) -> Response:
        text, which = asked("q"), chosen("show", Which.BUSY)
        sight = self._sight(text, which)
        return page(
            "admin/instances.html",
            title="Instances",
            sight=sight,
            q=text,
            which=which.value,
            live=sight.paging.url(sight.paging.page).replace(PATH, f"{PATH}/table", 1),
        )

    def table(self, _viewer: Viewer) -> Response:
        """The live part of the page."""
        sight = self._sight(asked("q"), chosen("show", Which.BUSY))
        return fragment("admin/instances_table.html", sight=sight)

    def _sight(self, text: str, which: Which) -> Sight:
        parts, snapshot, now = self._parts, self._parts.outlook.snapshot, self._parts.clock()
        number = page_number(asked("page"))

        def look() -> Sight:
            running = parts.instances.live()
            live = by_model(running)
            names = names_shown(snapshot.names, snapshot.routes, live, text, which)
            shown = slice_of(names, number, MODELS_PER_PAGE)
            past = self._sights.past_of(shown, PAST_SHOWN)
            groups = tuple(
                group_of(n, snapshot.routes.get(n), live.get(n, ()), past.get(n, ()), now)
                for n in shown
            )
            words = {"q": text, "show": which.value if which is not Which.BUSY else ""}
            paging = Paging(PATH, number, len(names), words, MODELS_PER_PAGE)
            return Sight(groups, self._orders(running), paging, now)

        return parts.aside.do(look)

    def _orders(self, live: Iterable[Instance]) -> tuple[OrderLine, ...]:
        known: dict[str, Instance | None] = {i.id: i for i in live}
        lines = []
        for record in self._parts.orders.recent(ORDERS_SHOWN):
            id_ = record.order.instance_id
            if id_ is not None and id_ not in known:
                known[id_] = self._parts.instances.find(id_)
            lines.append(order_line(record, known.get(id_ or "")))
        return tuple(lines)

    def one(self, _viewer: Viewer) -> Response:
        instance, tail = self._logs.look(asked("id"))
        now = self._parts.clock()
        return page(
            "admin/instance.html",
            title=f"Instance {instance.id}",
            instance=instance,
            line=line_of(instance, now),
            tail=tail,
            now=now,
        )

    def state(self, _viewer: Viewer) -> Response:
        """The live part of one instance's page: how it is, and the end of its log."""
        instance, tail = self._logs.look(asked("id"))
        now = self._parts.clock()
        line = line_of(instance, now)
        return fragment(
            "admin/instance_state.html", instance=instance, line=line, tail=tail, now=now
        )
