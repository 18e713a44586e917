"""`/api/usage` as the OpenAPI document describes it. Pure."""

from web.errors import BadRequest, GatewayError
from web.openai_proxy.envelope import JSON
from web.openai_proxy.refusals import DATABASE_AWAY, KEY_REFUSED, OUR_FAULT
from web.openapi.operations import Answer, Errors, Operation, Parameter
from web.usage.report import UsageReport

PATH = "/api/usage"
FORMATS = ("json", "csv")
CSV = "text/csv; charset=utf-8"

_TIME = (
    "2026-11, 2026-11-01, 2026-11-01T14, ISO 8601 with or without a zone (UTC without), or so long "
    "ago: 12h, 30d. Usage is kept by full hours of UTC."
)
PARAMETERS = {
    "by": Parameter(
        "What to tell it by, in that order, separated by commas: user, key, model, month, day, "
        "hour. Empty: one sum.",
        default="user,model",
        example="month,model",
    ),
    "since": Parameter(f"From when on. {_TIME}", example="2026-11-01"),
    "until": Parameter(f"Before when. {_TIME}", example="2026-12"),
    "user": Parameter("Only this user's; others' for administrators only."),
    "key": Parameter("Only the key's with this public id."),
    "model": Parameter("Only this model's, by its public name."),
    "format": Parameter("How to tell it.", default=FORMATS[0], values=FORMATS),
}


class OthersUsage(GatewayError):
    status = 403
    type = "invalid_request_error"
    code = "permission_denied"

    def __init__(self) -> None:
        super().__init__(
            "Your key shows your own usage; that of others is for administrators.", param="user"
        )


OPERATION = Operation(
    path=PATH,
    summary="What was used",
    description=(
        "Requests, errors, tokens and latency, summed up. A key sees the usage of its owner, an "
        "administrator's key that of everybody. `estimated_tokens` is the part of the tokens that "
        "no engine told, because its client left or it broke off."
    ),
    tag="usage",
    parameters=PARAMETERS,
    answers=(
        Answer(
            {
                JSON: UsageReport,
                CSV: {"type": "string", "description": "The rows of `data`, without the total."},
            }
        ),
    ),
    errors=(
        Errors(
            "UsageNotAsked",
            {
                "A parameter is unknown, given twice, or of no sense": BadRequest(
                    "The format is json or csv.", param="format"
                ),
                "The answer would have more than 10,000 rows": BadRequest(
                    "that is more than 10,000 rows: ask for less of it, or by less."
                ),
            },
        ),
        KEY_REFUSED,
        Errors("OthersUsage", {"It is others' usage, and you are no administrator": OthersUsage()}),
        OUR_FAULT,
        DATABASE_AWAY,
    ),
)
