"""The routes that OpenAI clients use. `python3 -m web.openai_proxy.routes` starts the gateway."""

import time
from collections.abc import Callable

import msgspec
from flask import Blueprint, Response, g, request

from web.errors import BadRequest
from web.fleet.outlook import Outlook
from web.identity.authenticator import Authenticator
from web.openai_proxy.envelope import JSON
from web.openai_proxy.forwarding import Forwarder, Inquiry, permitted_route
from web.openai_proxy.listing import model_entry, model_list

# Path at the gateway -> path at the engine. What is not listed here reaches no engine.
FORWARDED = {
    "/v1/chat/completions": "/v1/chat/completions",
    "/v1/chat/completion": "/v1/chat/completions",
}


def create_blueprint(
    authenticator: Authenticator, forwarder: Forwarder, outlook: Outlook
) -> Blueprint:
    blueprint = Blueprint("openai_proxy", __name__)
    created = int(time.time())

    def list_models() -> Response:
        principal = authenticator.authenticate(request.headers.get("Authorization"))
        return _json(model_list(outlook.snapshot, principal, created))

    def get_model(model: str) -> Response:
        principal = authenticator.authenticate(request.headers.get("Authorization"))
        return _json(model_entry(permitted_route(outlook.snapshot, principal, model), created))

    def forward_to(engine_path: str) -> Callable[[], Response]:
        def forward() -> Response:
            # The key first: a stranger's body is not even read.
            principal = authenticator.authenticate(request.headers.get("Authorization"))
            body = _json_body()
            inquiry = Inquiry(
                principal, engine_path, dict(request.headers), body, g.request_id, g.received_at
            )
            answer = forwarder.forward(inquiry)
            return Response(answer.chunks, answer.status, answer.headers, direct_passthrough=True)

        return forward

    blueprint.add_url_rule("/v1/models", view_func=list_models)
    blueprint.add_url_rule("/v1/models/<path:model>", view_func=get_model)
    for path, engine_path in FORWARDED.items():
        blueprint.add_url_rule(path, path, forward_to(engine_path), methods=["POST"])
    return blueprint


def _json_body() -> bytes:
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise BadRequest(f"Content-Encoding {encoding} is not accepted; send plain JSON.")
    return request.get_data(cache=False)


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), content_type=JSON)


if __name__ == "__main__":
    from web.server import main

    main()
