"""Liveness and readiness as the OpenAPI document describes them. Pure."""

from typing import Literal

from msgspec import Struct

from web.openai_proxy.envelope import JSON
from web.openai_proxy.refusals import OUR_FAULT
from web.openapi.operations import Answer, Operation, Who


class Alive(Struct, frozen=True):
    status: Literal["ok"] = "ok"


class PartState(Struct, frozen=True):
    """How one part of the gateway is, in words."""

    ok: bool
    message: str


class Ready(Struct, frozen=True):
    """`parts`: database, fleet, cluster, catalog, limits; the database alone where it is away."""

    ready: bool
    parts: dict[str, PartState]


def _alive(path: str) -> Operation:
    return Operation(
        path=path,
        summary="Does this process live?",
        description="Asks nobody else: a gateway whose database is away still lives.",
        tag="gateway",
        who=Who.ANYBODY,
        answers=(Answer({JSON: Alive}),),
        errors=(OUR_FAULT,),
    )


OPERATIONS = (
    _alive("/health"),
    _alive("/ping"),
    Operation(
        path="/ready",
        summary="Can the gateway do its work?",
        description=(
            "Each part says how it is or why it cannot work. `limits` tells how requests are "
            "counted, and never makes the gateway unready."
        ),
        tag="gateway",
        who=Who.ANYBODY,
        answers=(
            Answer({JSON: Ready}, "Every part can."),
            Answer({JSON: Ready}, "Some part cannot; ready instances serve on.", status=503),
        ),
        errors=(OUR_FAULT,),
    ),
)
