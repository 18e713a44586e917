"""What is said of a route beside the route itself. Pure: only data.

An error is described by an error as it is told, so its status, type, code, words and headers
cannot be described otherwise than they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, TypeAlias

from web.errors import GatewayError

Json: TypeAlias = dict[str, Any]
Shape: TypeAlias = type | Json
"""A type that is encoded as it is, or a JSON schema where the type is not ours."""


class Who(Enum):
    """What a caller presents: security schemes, each inner list all together. A role that is
    needed, too, stands behind its scheme."""

    ANYBODY = ()
    KEY = (("key",),)
    KEY_ANYHOW = (("key",), ("x_api_key",))
    WORKER = (("worker",),)
    # Nothing on the gateway's own host.
    METRICS = ((), ("metrics",))
    BROWSER = (("session",),)
    BROWSER_DEED = (("session", "csrf"),)
    ADMIN = (("session administrator",),)
    ADMIN_DEED = (("session administrator", "csrf"),)


class Tells(StrEnum):
    """The form that a route's errors have."""

    OPENAI = "ErrorEnvelope"
    ANTHROPIC = "AnthropicErrorEnvelope"
    PAGE = "a page"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`values`: the only ones."""

    description: str
    default: str | None = None
    example: str | None = None
    values: tuple[str, ...] = ()
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Header:
    """Of answers."""

    description: str
    example: str
    kind: str = "string"


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent."""

    content: Mapping[str, Shape]
    description: str = ""
    example: Json | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One that is no error. `content`: media type -> shape; `headers` beside x-request-id."""

    content: Mapping[str, Shape] = field(default_factory=dict)
    description: str = "As asked for."
    headers: Sequence[str] = ()
    status: int = 200


@dataclass(frozen=True, slots=True)
class Errors:
    """All that one status can mean: when it comes -> the error as it is told then."""

    name: str
    cases: Mapping[str, GatewayError]

    @property
    def status(self) -> int:
        (status,) = {error.status for error in self.cases.values()}
        return status


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    path: str
    summary: str
    description: str
    tag: str
    answers: Sequence[Answer]
    method: str = "get"
    who: Who = Who.KEY
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    body: Body | None = None
    errors: Sequence[Errors] = ()
    tells: Tells = Tells.OPENAI
    # Where more is said of it.
    reference: str = ""
