"""The playground: a conversation with a model. What is said goes through `web.portal.door`."""

from flask import Blueprint, Response, jsonify

from web.openai_proxy.forwarding import permitted_route
from web.portal.forms import asked
from web.portal.guard import viewer
from web.portal.page import page
from web.portal.parts import Parts
from web.portal.shown.playground import choices, progress


def add(blueprint: Blueprint, parts: Parts) -> None:
    def playground() -> Response:
        found = choices(parts.outlook.snapshot, viewer().principal, asked("model"))
        return page("playground/talk.html", title="Playground", choices=found)

    def how_far() -> Response:
        """Asking this starts nothing."""
        route = permitted_route(parts.outlook.snapshot, viewer().principal, asked("model"))
        return jsonify(progress(route.status, parts.clock()))

    blueprint.add_url_rule("/playground", "playground", playground)
    blueprint.add_url_rule("/playground/progress", "playground_progress", how_far)
