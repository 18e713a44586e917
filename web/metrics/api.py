"""`/metrics` as the OpenAPI document describes it. Pure."""

from web.errors import GatewayError
from web.openai_proxy.refusals import DATABASE_AWAY, OUR_FAULT
from web.openapi.operations import Answer, Errors, Operation, Who

PATH = "/metrics"


class MetricsRefused(GatewayError):
    status = 401
    type = "invalid_request_error"
    code = "metrics_refused"

    def __init__(self) -> None:
        super().__init__(
            "Metrics are for this gateway's own host, or for who sends the token in its "
            "METRICS_TOKEN_FILE as `Authorization: Bearer`."
        )


OPERATION = Operation(
    path=PATH,
    summary="Numbers for Prometheus",
    description=(
        "Instances by state, what each engine works on, the last look at the cluster, and requests "
        "and tokens by model since there are accounts. All of it comes from the database, so every "
        "process of every host tells the same, and counters outlive restarts. For the gateway's "
        "own host; with METRICS_TOKEN_FILE for whoever sends its token, and for nobody else."
    ),
    tag="gateway",
    who=Who.METRICS,
    answers=(
        Answer(
            {
                "text/plain": {
                    "type": "string",
                    "description": "Prometheus's text format, or OpenMetrics if that is accepted.",
                }
            }
        ),
    ),
    errors=(
        Errors("MetricsRefused", {"Neither this host nor the token": MetricsRefused()}),
        OUR_FAULT,
        DATABASE_AWAY,
    ),
)
