"""The listings that OpenAI clients ask for; what reaches an engine is in `front` and `table`.

`python3 -m web.openai_proxy.routes` starts the gateway.
"""

import time

import msgspec
from flask import Blueprint, Response, request

from web.fleet.outlook import Outlook
from web.identity.authenticator import Authenticator
from web.openai_proxy.doors import key_header
from web.openai_proxy.envelope import JSON
from web.openai_proxy.forwarding import permitted_route
from web.openai_proxy.listing import model_entry, model_list


def create_blueprint(authenticator: Authenticator, outlook: Outlook) -> Blueprint:
    blueprint = Blueprint("openai_proxy", __name__)
    created = int(time.time())

    def list_models() -> Response:
        principal = authenticator.authenticate(key_header(request.environ))
        return _json(model_list(outlook.snapshot, principal, created))

    def get_model(model: str) -> Response:
        principal = authenticator.authenticate(key_header(request.environ))
        return _json(model_entry(permitted_route(outlook.snapshot, principal, model), created))

    blueprint.add_url_rule("/v1/models", view_func=list_models)
    blueprint.add_url_rule("/v1/models/<path:model>", view_func=get_model)
    return blueprint


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), content_type=JSON)


if __name__ == "__main__":
    from web.server import main

    main()
