"""What the gateway itself answers in the place of an engine, each as it is told. Pure: examples.

The document shows them to people; a test holds every class of `web.errors` to stand here.
"""

from datetime import UTC, datetime

from web.errors import (
    BadRequest,
    BodyTimeout,
    BodyTooLarge,
    DatabaseUnavailable,
    GatewayError,
    InvalidKey,
    MethodNotAllowed,
    MissingKey,
    ModelNotFound,
    Overloaded,
    ResponseNotFound,
    UpstreamDisconnected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from web.fleet.status import ModelStatus, Phase
from web.limits.counting import Kind, Refused, Room, Rooms
from web.limits.rules import Limits, Rule
from web.limits.telling import above_share, quota_exceeded, rate_limited
from web.openai_proxy.cold import cold_error
from web.openai_proxy.envelope import from_status
from web.openapi.operations import Errors

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
_NOW = datetime(2026, 11, 20, 14, 3, tzinfo=UTC)
_START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
_USER = Rule("user:alice", Limits())
_ROOMS = Rooms(Room(60, 0, 12.5), Room(100_000, 42_000, 34.8))

_QUEUED = ModelStatus(
    Phase.PENDING,
    job_id="4711",
    reason="Priority",
    words="other jobs are ahead of it in the queue",
    estimated_start=_START,
)
_BROKEN = ModelStatus(
    Phase.FAILING,
    job_id="4711",
    reason="crashed",
    words="ValueError: no such file: /models/llama",
    failures=3,
    given_up=True,
)

KEY_REFUSED = Errors(
    "KeyRefused",
    {
        "No key was sent": MissingKey(),
        "The key is unknown, malformed, expired or revoked, or its owner is disabled": InvalidKey(),
    },
)
BODY_REFUSED = Errors(
    "BodyRefused",
    {
        "The body is no JSON": BadRequest("The request body is not valid JSON: …"),
        "The body is no object": BadRequest("The request body must be a JSON object."),
        "`model` is missing or no text": BadRequest(
            "You must provide `model`, as a text.", param="model"
        ),
        "A member stands twice": BadRequest(
            "The request body has the member `messages` twice.", param="messages"
        ),
        "The body is compressed": BadRequest(
            "Content-Encoding gzip is not accepted; send it plain."
        ),
    },
)
MODEL_NOT_FOUND = Errors(
    "ModelNotFound", {"There is no such model, or none for you": ModelNotFound("gpt-4")}
)
RESPONSE_NOT_FOUND = Errors(
    "ResponseNotFound",
    {
        "The response is unknown, somebody else's, or gone with the instance that kept it": (
            ResponseNotFound("resp_1", "response_id")
        )
    },
)
NOTHING_TO_FOLLOW = Errors(
    "NothingToFollow",
    {
        **MODEL_NOT_FOUND.cases,
        "`previous_response_id` is somebody else's, or gone with the instance that kept it": (
            ResponseNotFound("resp_1", "previous_response_id")
        ),
    },
)
BODY_LATE = Errors("BodyLate", {"The rest of the body did not come in time": BodyTimeout()})
BODY_TOO_LARGE = Errors("BodyTooLarge", {"The body is too large": BodyTooLarge(64)})
LIMITED = Errors(
    "Limited",
    {
        "A limit on requests per minute is reached": rate_limited(
            Refused(_USER, Kind.REQUESTS, 60, 12.5, _ROOMS), MODEL
        ),
        "A limit on parallel requests is reached": rate_limited(
            Refused(_USER, Kind.PARALLEL, 8, 1.0, _ROOMS), MODEL
        ),
        "A limit on tokens per minute is reached": rate_limited(
            Refused(_USER, Kind.TOKENS, 100_000, 34.8, _ROOMS), MODEL
        ),
        "A daily or monthly budget is used up": quota_exceeded(
            _USER, "tokens per day", 1_000_000, 1_000_000, _START, _NOW
        ),
    },
)
UNREACHABLE = Errors(
    "Unreachable",
    {
        "The instance did not begin an answer, and no second try was safe or left": (
            UpstreamUnreachable(
                "The model's instance k3v9q2m7xa cannot be reached just now (the engine closed "
                "the connection without an answer). Please retry your request.",
                retry_after_s=2,
            )
        )
    },
)
TIMED_OUT = Errors(
    "TimedOut",
    {
        "The instance did not begin an answer in time": UpstreamTimeout(
            "The model's instance k3v9q2m7xa did not answer in time: the engine is silent."
        )
    },
)
DATABASE_AWAY = Errors(
    "DatabaseAway", {"The gateway cannot read its database": DatabaseUnavailable()}
)
NOT_SERVING = Errors(
    "NotServing",
    {
        "The model is cold": cold_error(MODEL, ModelStatus(Phase.COLD), _NOW),
        "The model waits in Slurm's queue, or loads": cold_error(MODEL, _QUEUED, _NOW),
        "Its launches keep failing, or its job can never start": cold_error(MODEL, _BROKEN, _NOW),
        "Every ready instance is at its cap": Overloaded(
            "The engine is currently overloaded, please try again later: every instance of "
            f"`{MODEL}` has as many requests as it may.",
            retry_after_s=2,
        ),
        "You have more than your fair share of a busy model": above_share(MODEL, 4),
        **DATABASE_AWAY.cases,
    },
)
OUR_FAULT = Errors(
    "OurFault",
    {
        "The gateway has a fault": GatewayError(
            "The gateway failed to handle this request; this is our fault."
        )
    },
)
NOT_HTTP = Errors(
    "NotHttp",
    {
        "It is not valid HTTP, or its target or host is none": from_status(
            400, "This is not a valid HTTP request."
        )
    },
)
NO_ROUTE = Errors("NoRoute", {"There is no such path": from_status(404, "Not Found")})
OTHER_METHOD = Errors("OtherMethod", {"The path takes another method": MethodNotAllowed("POST")})
TOO_LONG = Errors(
    "TooLong", {"The request line is too long": from_status(414, "The request line is too long.")}
)
EXPECTATION = Errors(
    "Expectation",
    {
        "`Expect` asks for more than 100-continue": from_status(
            417, "Only 100-continue can be expected."
        )
    },
)
HEADERS_TOO_LARGE = Errors(
    "HeadersTooLarge",
    {"The headers are too many or too long": from_status(431, "The headers are too many.")},
)
EVERYWHERE = (NOT_HTTP, NO_ROUTE, OTHER_METHOD, TOO_LONG, EXPECTATION, HEADERS_TOO_LARGE)
"""Told before anybody asks which route it is."""

BROKEN_OFF = UpstreamDisconnected(
    "The model's instance stopped in the middle of its answer. What came so far is incomplete; "
    "please send the request again."
)
"""Only ever told within a stream that has begun."""

ENGINE_ERRORS = (
    BODY_REFUSED,
    KEY_REFUSED,
    MODEL_NOT_FOUND,
    BODY_LATE,
    BODY_TOO_LARGE,
    LIMITED,
    OUR_FAULT,
    UNREACHABLE,
    NOT_SERVING,
    TIMED_OUT,
)
RESPONSES_ERRORS = tuple(
    NOTHING_TO_FOLLOW if each is MODEL_NOT_FOUND else each for each in ENGINE_ERRORS
)
KEPT_ERRORS = (
    KEY_REFUSED, RESPONSE_NOT_FOUND, OUR_FAULT, UNREACHABLE, DATABASE_AWAY, TIMED_OUT
)  # fmt: skip
