"""The gateway's whole interface as one OpenAPI document.

Each operation stands beside its routes; this is where they come together.
"""

from functools import cache
from importlib.metadata import version

from web.fleet import api as fleet
from web.health_api import OPERATIONS as HEALTH
from web.identity.browser import CSRF_HEADER, SESSION_COOKIE
from web.metrics.api import OPERATION as METRICS
from web.openai_proxy import api as openai_proxy
from web.openai_proxy.refusals import EVERYWHERE
from web.openapi.api import OPERATION as OPENAPI
from web.openapi.document import document
from web.openapi.operations import Json, Operation
from web.portal import api as portal
from web.usage import api as usage

TAGS = {
    "engines": "What an instance of the model answers: OpenAI's and Anthropic's interfaces in the "
    "version that its vLLM speaks. Every other path of an engine is unreachable.",
    "models": "What there is to use, and what is true of it.",
    "usage": "What was used.",
    "gateway": "Of the gateway itself.",
    "workers": "Between the gateway and its own jobs.",
    "portal": "Pages for people with a browser, and what those pages ask for. Programs have the "
    "routes above. Each page forbids inline scripts, foreign frames and foreign forms.",
}
SCHEMES: dict[str, Json] = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `sk-ks-…`."},
    "x_api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "An API key, as Anthropic's clients send it.",
    },
    "worker": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of one instance, which only its own job has.",
    },
    "metrics": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token in the gateway's METRICS_TOKEN_FILE.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "Of a browser that has logged in. Under https its name begins with "
        "`__Host-`.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "What only a page of this gateway knows; forms send it as the field "
        "`csrf`. The browser must also say that the request comes from this site.",
    },
}
ABOUT = """\
One stable OpenAI-compatible URL over a Slurm cluster.

Every answer has `x-request-id`. Every error is `{"error": {"message", "type", "param", "code"}}`,
also for paths and methods that do not exist and for requests that are no HTTP; under
`/v1/messages` it has Anthropic's form, and a browser that asks for a page gets one. `OPTIONS` never
needs a key, and no other site is allowed to ask from a browser (no CORS).

What is relayed from an engine is its own, status, headers and bytes: it may also answer with a
status that is not listed here.
"""


def operations() -> tuple[Operation, ...]:
    return (
        *openai_proxy.operations(),
        usage.OPERATION,
        *HEALTH,
        METRICS,
        OPENAPI,
        fleet.OPERATION,
        *portal.operations(),
    )


@cache
def described() -> Json:
    """Made once: nobody changes it."""
    info = {"title": "KScope", "version": version("kscope-gateway"), "description": ABOUT}
    return document(operations(), EVERYWHERE, SCHEMES, TAGS, info)
