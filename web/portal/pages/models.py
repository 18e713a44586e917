"""`/models`: every model's truth, in a list and one by one, kept up to date without a reload.

What a page shows at first and what it asks for again (`/live/models…`) are the same templates.
"""

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from web.fleet.routing import Route
from web.portal import guard
from web.portal.forms import asked, one
from web.portal.model_desk import ModelDesk, Sight
from web.portal.page import back_to, done, failed, fragment, page
from web.portal.parts import Parts
from web.portal.shown import model_list, model_page, models, standing
from web.portal.shown.models import Group
from web.portal.shown.paging import page_number
from web.portal.viewer import Viewer


def add(blueprint: Blueprint, parts: Parts) -> None:
    views = ModelPages(parts)
    blueprint.add_url_rule("/models", "models", views.list)
    blueprint.add_url_rule("/live/models", "models_live", views.list_live)
    blueprint.add_url_rule("/models/<path:name>", "model", views.one)
    blueprint.add_url_rule("/live/models/<path:name>", "model_live", views.one_live)
    blueprint.add_url_rule("/models/<path:name>", "model_deed", views.act, methods=["POST"])


class ModelPages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._desk = ModelDesk(parts)
        self._deeds = {"start": self._start, "cancel": self._cancel, "renew": self._renew}

    def list(self) -> Response:
        return page("models/list.html", title="Models", shown=self._list(guard.viewer()))

    def list_live(self) -> Response:
        part = "_summary" if asked("part") == "summary" else "_table"
        return fragment(f"models/{part}.html", shown=self._list(guard.viewer()))

    def one(self, name: str) -> Response:
        viewer = guard.viewer()
        route = self._route(viewer, name)
        canonical = route.deployment.name
        if canonical != name:
            return back_to(f"/models/{canonical}")
        sight, history = self._parts.aside.do(
            lambda: (self._desk.look(viewer, name), self._desk.history(name))
        )
        return page(
            "models/detail.html",
            title=name,
            model=name,
            shown=self._shown(route, sight),
            pictures=model_page.pictures(*history, self._parts.clock()),
        )

    def one_live(self, name: str) -> Response:
        """A part of one model's page."""
        viewer = guard.viewer()
        route = self._route(viewer, name)
        if asked("part") == "pictures":
            history = self._parts.aside.do(lambda: self._desk.history(name))
            pictures = model_page.pictures(*history, self._parts.clock())
            return fragment("models/_pictures.html", pictures=pictures)
        sight = self._parts.aside.do(lambda: self._desk.look(viewer, name))
        part = "_head" if asked("part") == "head" else "_now"
        return fragment(f"models/{part}.html", model=name, shown=self._shown(route, sight))

    def act(self, name: str) -> Response:
        viewer = guard.viewer()
        route = self._route(viewer, name)
        deed = self._deeds.get(one("deed"))
        if deed is None:
            failed("That was not understood: nothing has been done.")
            return self._back(route)
        return deed(viewer, route)

    def _start(self, viewer: Viewer, route: Route) -> Response:
        name = route.deployment.name
        if standing.is_broken(route.status):
            failed("It does not start, whoever asks for it: please tell the administrators.")
        elif group_is_ready(route):
            done("It is ready: there is nothing to start.")
        else:
            self._parts.aside.do(lambda: self._desk.start(viewer, name))
            done("Asked for. This page follows what becomes of it.")
        return self._back(route)

    def _cancel(self, viewer: Viewer, route: Route) -> Response:
        name = route.deployment.name
        if one("sure") != "yes":
            return page(
                "confirm.html",
                title="Cancel this start?",
                question=model_page.CANCEL_QUESTION,
                yes="Cancel this start",
                back=f"/models/{name}",
                fields={"deed": "cancel"},
            )
        if self._parts.aside.do(lambda: self._desk.cancel(viewer, route.deployment)):
            done("Cancelled: it is not asked for any more.")
        else:
            failed("Not cancelled: somebody else asks for it too by now, or it is ready already.")
        return self._back(route)

    def _renew(self, viewer: Viewer, route: Route) -> Response:
        name = route.deployment.name
        if not group_is_ready(route) and not standing.is_broken(route.status):
            self._parts.aside.do(lambda: self._desk.keep_asking(viewer, name))
        return Response(status=204)

    def _back(self, route: Route) -> Response:
        return back_to(f"/models/{route.deployment.name}")

    def _route(self, viewer: Viewer, name: str) -> Route:
        """Raises NotFound, alike, for what there is not and for what is not theirs."""
        route = models.usable_route(self._parts.outlook.snapshot, viewer.principal, name)
        if route is None:
            raise NotFound("There is no such model, or it is not for you.")
        return route

    def _list(self, viewer: Viewer) -> model_list.ModelList:
        usable = models.usable_routes(self._parts.outlook.snapshot, viewer.principal)
        requests = self._parts.aside.do(self._desk.requests_now)
        group = next((g for g in Group if g == asked("show")), None)
        wanted = model_list.Wanted(asked("q"), group, page_number(asked("page")))
        return model_list.model_list(usable, requests, wanted, self._parts.clock())

    def _shown(self, route: Route, sight: Sight) -> model_page.ModelNow:
        now = self._parts.clock()
        return model_page.model_now(
            route,
            model_page.Seen(
                live=sight.live,
                past=sight.past,
                is_asked=sight.is_asked(now),
                has_fleet=sight.has_fleet,
                claimed_at=sight.awaited_since,
                can_cancel=sight.can_cancel(route.deployment, now),
            ),
            now,
        )


def group_is_ready(route: Route) -> bool:
    return models.group_of(route.status) is Group.READY
