"""Who uses what: requests that run just now by model and by user, and who used most of late."""

from datetime import UTC, timedelta
from typing import Any

from flask import Blueprint, Response

from web.portal.page import fragment, page
from web.portal.pages.admin.door import show
from web.portal.parts import Parts
from web.portal.shown.admin_use import now_lines, running_lines, use_lines
from web.portal.viewer import Viewer
from web.usage.lines import Question
from web.usage.periods import By, begin_of_hour

PATH = "/admin/use"


def add(blueprint: Blueprint, parts: Parts) -> None:
    def listing(_viewer: Viewer) -> Response:
        since = begin_of_hour(parts.clock() - timedelta(hours=1))
        told = parts.usage_aside.do(
            lambda: parts.usage.report([By.USER, By.MODEL], Question(since), UTC)
        )
        lines = use_lines(told.data)
        return page(
            "admin/use.html",
            title="Who uses what",
            lines=lines,
            pairs=sum(1 for entry in told.data if entry.requests),
            since=since,
            **_now(parts),
        )

    def live(_viewer: Viewer) -> Response:
        return fragment("admin/use_now.html", **_now(parts))

    show(blueprint, PATH, listing)
    show(blueprint, f"{PATH}/now", live)


def _now(parts: Parts) -> dict[str, Any]:
    # What runs through this process stands in its memory, and is nobody else's to know.
    running = running_lines(parts.limiting.gate.in_flight())
    return {
        "now_lines": now_lines(parts.aside.do(parts.instances.live)),
        "running": running,
        "processes": parts.settings.web_concurrency,
    }
