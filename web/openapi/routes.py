"""`GET /openapi.json`, for anyone: it says nothing of this gateway that its source does not."""

from collections.abc import Sequence
from importlib.metadata import version

import msgspec
from flask import Blueprint, Response

from web.openai_proxy.envelope import JSON
from web.openapi.document import Operation, document


def create_blueprint(operations: Sequence[Operation]) -> Blueprint:
    blueprint = Blueprint("openapi", __name__)
    text = msgspec.json.encode(document(operations, version("kscope-gateway")))

    def openapi() -> Response:
        return Response(text, content_type=JSON)

    blueprint.add_url_rule("/openapi.json", view_func=openapi)
    return blueprint
