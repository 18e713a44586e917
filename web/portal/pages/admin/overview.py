"""The first page for administrators: how the gateway is, and what waits for them."""

import time
from dataclasses import dataclass

from flask import Blueprint, Response

from web.fleet.routing import Route
from web.identity.search_store import Counts, SearchStore
from web.portal.page import fragment, page
from web.portal.pages.admin import audit, instances, keys, limits, logs, orders, orphans, use, users
from web.portal.pages.admin.door import show
from web.portal.parts import Parts
from web.portal.shown.admin_health import (
    Glance,
    HealthLine,
    Looked,
    Remark,
    glance,
    health_lines,
    remarks,
)
from web.portal.viewer import Viewer

PATH = "/admin"
ORDERS_JUDGED = 20


@dataclass(frozen=True, slots=True)
class Overview:
    health: tuple[HealthLine, ...]
    remarks: tuple[Remark, ...]
    glance: Glance
    counts: Counts


def add(blueprint: Blueprint, parts: Parts) -> None:
    pages = OverviewPages(parts)
    show(blueprint, PATH, pages.whole)
    show(blueprint, f"{PATH}/now", pages.now)
    for module in (users, keys, limits, instances, orders, logs, orphans, audit, use):
        module.add(blueprint, parts)


class OverviewPages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._search = SearchStore(parts.database)
        self._readiness = parts.readiness.over(parts.database, parts.instances)

    def whole(self, _viewer: Viewer) -> Response:
        return page("admin/overview.html", title="Administration", now=self._look())

    def now(self, _viewer: Viewer) -> Response:
        """The live part of the page."""
        return fragment("admin/overview_now.html", now=self._look())

    def _look(self) -> Overview:
        snapshot = self._parts.outlook.snapshot
        routes = [snapshot.routes[name] for name in snapshot.names]
        return self._parts.aside.do(lambda: self._ask(routes))

    def _ask(self, routes: list[Route]) -> Overview:
        parts, now = self._parts, self._parts.clock()
        began = time.perf_counter()
        parts.database.versions()
        answer_ms = (time.perf_counter() - began) * 1000
        live, orphaned = parts.instances.live(), parts.orphans.all()
        given = parts.orders.recent(ORDERS_JUDGED)
        looked = self._looked()
        return Overview(
            health_lines(self._readiness.parts(), looked, answer_ms, now),
            remarks(routes, live, orphaned, given, now),
            glance(routes, live),
            self._search.counts(now),
        )

    def _looked(self) -> Looked | None:
        row = self._parts.instances.last_look()
        if row is None:
            return None
        return Looked(row.cluster, row.tried_at, row.succeeded_at, row.duration_ms, row.problem)
