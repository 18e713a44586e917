"""What an instance's job printed: asked for here, read by the fleet process, shown when it comes.

A gateway worker opens no cluster, so it cannot read a log itself (docs/decisions/0017).
"""

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from web.fleet.log_store import LogStore
from web.fleet.states import Instance
from web.portal.forms import text
from web.portal.page import back_to
from web.portal.pages.admin.door import deed
from web.portal.parts import Parts
from web.portal.shown.admin_logs import TailPart, is_to_be_renewed, tail_part
from web.portal.viewer import Viewer


def add(blueprint: Blueprint, parts: Parts) -> None:
    deed(blueprint, "/admin/instances/log", LogPart(parts).ask)


class LogPart:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._logs = LogStore(parts.database)

    def ask(self, viewer: Viewer) -> Response:
        instance_id = text("id")

        def work() -> None:
            if self._parts.instances.find(instance_id) is None:
                raise NotFound
            self._logs.ask(instance_id, self._parts.clock())
            self._parts.note(viewer, "log.read", instance_id)

        self._parts.aside.do(work)
        return back_to(f"/admin/instances/one?id={instance_id}#log")

    def look(self, instance_id: str) -> tuple[Instance, TailPart]:
        """An instance and what is known of its log, which is asked for again while it grows and
        somebody looks. Raises NotFound."""
        now = self._parts.clock()

        def work() -> tuple[Instance, TailPart]:
            instance = self._parts.instances.find(instance_id)
            if instance is None:
                raise NotFound
            tail = self._logs.find(instance_id)
            if tail is not None and is_to_be_renewed(instance, tail, now):
                self._logs.ask(instance_id, now)
            return instance, tail_part(instance, tail, now)

        return self._parts.aside.do(work)
