"""`/worker_callback`: where the workers in the jobs report."""

from functools import partial

import msgspec
from flask import Blueprint, Response, request

from web.failpoints import reach
from web.fleet.callbacks import MAX_BODY_BYTES, CallbackDesk, Refused


def create_blueprint(desk: CallbackDesk) -> Blueprint:
    blueprint = Blueprint("fleet", __name__)

    @blueprint.post("/worker_callback")
    def worker_callback() -> Response:
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise Refused(413, f"A callback holds at most {MAX_BODY_BYTES} bytes.")
        command = desk.take(bearer if scheme == "Bearer" else None, request.get_data(cache=False))
        told = Response(msgspec.json.encode({"command": command}), content_type="application/json")
        told.call_on_close(partial(reach, "drain.answered", when=command == "drain"))
        return told

    return blueprint
