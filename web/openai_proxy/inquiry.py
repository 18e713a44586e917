"""What goes through the data path: an inquiry, its answer, and what is known when it is over."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from web.identity.keys import Principal
from web.openai_proxy.payload import Payload
from web.openai_proxy.table import Route
from web.openai_proxy.usage import Usage


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


@dataclass(frozen=True, slots=True)
class Served:
    """What became of one forwarded request, for whoever keeps the accounts."""

    principal: Principal
    model: str
    instance_id: str
    path: str
    status: int
    usage: Usage | None
    whole: bool  # the client got the answer's true end
    duration_s: float


Recorder = Callable[[Served], None]
"""Takes what was served. It is called from the data path, so it must not wait for anything."""


def keep_no_account(_served: Served) -> None:
    """The recorder of a gateway that keeps no accounts."""
