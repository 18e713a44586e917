"""`GET /api/usage`: a key's owner sees their own usage, an administrator everybody's."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from flask import Blueprint, Response, request

from web.aside import Aside
from web.errors import BadRequest
from web.identity.authenticator import Authenticator
from web.identity.keys import Principal
from web.openai_proxy.envelope import JSON
from web.usage.api import CSV, FORMATS, PARAMETERS, PATH, OthersUsage
from web.usage.asking import Asked, UsageDesk
from web.usage.rendering import as_csv
from web.usage.store import TooMuch

MOST_ROWS = 10_000


def create_blueprint(
    authenticator: Authenticator, desk: UsageDesk, aside: Aside, clock: Callable[[], datetime]
) -> Blueprint:
    blueprint = Blueprint("usage", __name__)

    def usage() -> Response:
        principal = authenticator.authenticate(request.headers.get("Authorization"))
        given = _given()
        kind = given.pop("format", FORMATS[0])
        asked = Asked(**{**given, "user": _whose(principal, given.get("user", ""))})
        try:
            by, question = asked.read(clock(), UTC)
            told = aside.do(lambda: desk.report(by, question, UTC, MOST_ROWS))
        except (ValueError, TooMuch) as error:
            raise BadRequest(f"{error}.") from error
        if kind == "csv":
            return Response(as_csv(told), content_type=CSV)
        return Response(msgspec.json.encode(told), content_type=JSON)

    blueprint.add_url_rule(PATH, view_func=usage)
    return blueprint


def _given() -> dict[str, str]:
    for name in request.args:
        if name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise BadRequest(f"There is no parameter {name[:40]!r} here, but: {known}.")
        if len(request.args.getlist(name)) > 1:
            raise BadRequest(f"The parameter `{name}` is given more than once.", param=name)
    given = dict(request.args.items())
    kind = given.get("format", FORMATS[0])
    if kind not in FORMATS:
        raise BadRequest(f"The format is {' or '.join(FORMATS)}.", param="format")
    return given


def _whose(principal: Principal, asked: str) -> str:
    """Whose usage it is to be; "" is everybody's."""
    if principal.is_admin:
        return asked
    if asked not in ("", principal.user):
        raise OthersUsage
    return principal.user
