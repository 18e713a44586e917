"""What goes to an engine for a request, and what is to lead to the same engine again. Pure."""

from collections.abc import Iterator

from web.catalog.deployment import Deployment
from web.fleet.routing import Target
from web.openai_proxy import headers
from web.openai_proxy.inquiry import Inquiry


def request_to(target: Target, inquiry: Inquiry) -> Iterator[bytes]:
    """The request's bytes; head and first chunk together, so that a small one is one packet."""
    head = headers.to_engine(
        inquiry.route.method,
        inquiry.route.engine_path,
        target.netloc,
        target.engine_key,
        inquiry.request_id,
        inquiry.passed,
        inquiry.payload.length,
    )
    chunks = inquiry.payload.chunks()
    yield head + next(chunks, b"")
    yield from chunks


def affinity_of(deployment: Deployment, inquiry: Inquiry) -> bytes | None:
    """What is to lead to the same instance again, if the model's entry asks for that."""
    match deployment.affinity:
        case "session":
            return inquiry.session
        case "prefix":
            return inquiry.payload.prefix()
        case _:
            return None
