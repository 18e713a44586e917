"""Orphans: jobs that carry our name and belong to no instance; and warm windows of the catalog."""

from flask import Blueprint, Response

from web.portal.forms import asked
from web.portal.page import page
from web.portal.pages.admin.door import show
from web.portal.parts import Parts
from web.portal.shown.admin_orphans import orphan_line
from web.portal.shown.admin_warm import warm_lines
from web.portal.shown.paging import Paging, page_number, slice_of
from web.portal.viewer import Viewer

ORPHANS, WARM = "/admin/orphans", "/admin/warm"


def add(blueprint: Blueprint, parts: Parts) -> None:
    def orphans(_viewer: Viewer) -> Response:
        now, number = parts.clock(), page_number(asked("page"))
        found, look = parts.aside.do(lambda: (parts.orphans.all(), parts.instances.last_look()))
        lines = [orphan_line(orphan, now) for orphan in found]
        return page(
            "admin/orphans.html",
            title="Orphaned jobs",
            lines=slice_of(lines, number),
            paging=Paging(ORPHANS, number, len(lines)),
            looked_at=look.succeeded_at if look is not None else None,
            now=now,
        )

    def warm(_viewer: Viewer) -> Response:
        snapshot, number = parts.outlook.snapshot, page_number(asked("page"))
        lines = warm_lines(snapshot.names, snapshot.routes, parts.clock())
        return page(
            "admin/warm.html",
            title="Warm windows",
            lines=slice_of(lines, number),
            paging=Paging(WARM, number, len(lines)),
        )

    show(blueprint, ORPHANS, orphans)
    show(blueprint, WARM, warm)
