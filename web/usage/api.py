"""`/api/usage` as the OpenAPI document describes it. Pure."""

from web.errors import GatewayError
from web.openapi.document import Operation, Parameter, TextAnswer
from web.usage.report import UsageReport

PATH = "/api/usage"
FORMATS = ("json", "csv")

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
    answer=UsageReport,
    text_answer=TextAnswer("text/csv", "The rows of `data`, without the total."),
    errors=(400, 401, 403, 503),
)


class OthersUsage(GatewayError):
    status = 403
    type = "invalid_request_error"
    code = "permission_denied"

    def __init__(self) -> None:
        super().__init__(
            "Your key shows your own usage; that of others is for administrators.", param="user"
        )
