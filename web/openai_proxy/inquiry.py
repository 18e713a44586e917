"""What goes through the data path: an inquiry, its answer, and what is known when it is over."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from web.catalog.deployment import Deployment
from web.identity.keys import Principal
from web.openai_proxy.payload import Payload
from web.openai_proxy.table import Body, Route
from web.openai_proxy.usage import Tap, Usage


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A request whose sender is known. `client` is the client's socket, None outside a server."""

    principal: Principal
    route: Route
    payload: Payload
    passed: str  # the client's header lines that go on to the engine
    request_id: str
    received_at: float  # time.perf_counter()
    client: Any
    session: bytes | None = None
    wait_s: int = 0


class Chunks(Protocol):
    """An answer's bytes. `close` frees what they come from; it may be called more than once."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An engine's answer that has begun: `chunks` yields its bytes as they arrive."""

    status: int
    headers: list[tuple[str, str]]
    chunks: Chunks


class Outcome(Enum):
    WHOLE = "whole"  # the client got the answer's true end, whatever its status
    LEFT = "left"  # the client went away, or did not read
    BROKEN = "broken"  # the engine stopped in mid-answer, or gave none: the status is then ours


@dataclass(frozen=True, slots=True)
class Served:
    """What became of one forwarded request, for whoever keeps the accounts (`web.usage.counting`).

    `usage` is what the engine told of this request, None if nothing; `request_bytes` and
    `content_events` are there to estimate by.
    """

    principal: Principal
    model: str
    status: int  # 0: the client left before there was one
    outcome: Outcome
    duration_s: float  # since the request came, held or not
    usage: Usage | None = None
    request_bytes: int = 0  # of a JSON body
    content_events: int = 0  # of a stream, with a piece of the answer, passed on
    context_tokens: int | None = None  # the longest prompt that the model takes, where known


def served(
    inquiry: Inquiry,
    deployment: Deployment,
    status: int,
    outcome: Outcome,
    ended_at: float,
    tap: Tap | None = None,
) -> Served:
    """`ended_at` by time.perf_counter()."""
    body = inquiry.route.body
    context = deployment.engine_args.get("max-model-len")
    return Served(
        principal=inquiry.principal,
        model=deployment.name,
        status=status,
        outcome=outcome,
        duration_s=ended_at - inquiry.received_at,
        # What is told of a response that is asked for again was counted when it was made.
        usage=tap.usage if tap is not None and body is not Body.NONE else None,
        # An upload's bytes say nothing of tokens.
        request_bytes=inquiry.payload.length if body is Body.JSON else 0,
        content_events=tap.content_events if tap is not None and body is not Body.NONE else 0,
        context_tokens=context if isinstance(context, int) else None,
    )


Recorder = Callable[[Served], None]
"""Takes what was served. It is called from the data path, so it must not wait for anything."""


def keep_no_account(_served: Served) -> None:
    """The recorder of a gateway that keeps no accounts."""
