"""`/`: can I use it now, how do I use it."""

from functools import partial

from flask import Blueprint, Response

from web.identity.search_store import SearchStore
from web.portal.guard import viewer
from web.portal.page import fragment, page
from web.portal.parts import Parts
from web.portal.shown import home as shown
from web.portal.shown.models import usable_routes

LIVE = "/live/home"


def add(blueprint: Blueprint, parts: Parts) -> None:
    blueprint.add_url_rule("/", "home", partial(show, parts))
    blueprint.add_url_rule(LIVE, "home_models", partial(show_models, parts))


def show(parts: Parts) -> Response:
    seen, now = viewer(), parts.clock()
    search = SearchStore(parts.database)
    routes = usable_routes(parts.outlook.snapshot, seen.principal)
    standing = parts.aside.do(lambda: search.key_standing(seen.name, now))
    return page(
        "home/home.html",
        title="Language models on the cluster",
        glance=shown.glance(routes, now),
        first=shown.first_choice(routes),
        keys=shown.key_card(standing, now),
        faults=parts.catalog.faults,
        live=LIVE,
        now=now,
    )


def show_models(parts: Parts) -> Response:
    routes = usable_routes(parts.outlook.snapshot, viewer().principal)
    return fragment("home/models.html", glance=shown.glance(routes, parts.clock()))
