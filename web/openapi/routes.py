"""`GET /openapi.json`, for anyone: it says nothing of this gateway that its source does not."""

import msgspec
from flask import Blueprint, Response

from web.openai_proxy.envelope import JSON
from web.openapi.api import PATH
from web.openapi.operations import Json


def create_blueprint(document: Json) -> Blueprint:
    blueprint = Blueprint("openapi", __name__)
    text = msgspec.json.encode(document)

    def openapi() -> Response:
        return Response(text, content_type=JSON)

    blueprint.add_url_rule(PATH, view_func=openapi)
    return blueprint
