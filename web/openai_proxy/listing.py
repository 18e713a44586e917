"""`/v1/models`: what this key may use, running or not. From memory, so always quick. Pure."""

from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from web.fleet.routing import Route, Snapshot
from web.identity.keys import Principal
from web.identity.permissions import may_use

OWNER = "kscope"


class ModelState(TypedDict):
    """What is true of a model just now. `state`: ready, starting, pending, submitting, stopping,
    failing or cold; `reason` is Slurm's own word, `message` says it in plain ones; times are ISO
    8601."""

    state: str
    ready_instances: int
    job_id: str | None
    reason: str | None
    message: str | None
    estimated_start: str | None
    estimated_ready: str | None


class ModelEntry(TypedDict):
    """A model as OpenAI's clients list it; `max_model_len` and `status` are further members."""

    id: str
    object: str
    created: int
    owned_by: str
    max_model_len: NotRequired[int]
    status: ModelState


class ModelList(TypedDict):
    """In the catalog's order."""

    object: str
    data: list[ModelEntry]


def model_list(snapshot: Snapshot, principal: Principal, created: int) -> ModelList:
    routes = (snapshot.routes[name] for name in snapshot.names)
    data = [model_entry(r, created) for r in routes if may_use(principal, r.deployment)]
    return {"object": "list", "data": data}


def model_entry(route: Route, created: int) -> ModelEntry:
    """OpenAI's members, `max_model_len` where known (Continue needs it), and `status`."""
    status = route.status
    told: ModelState = {
        "state": status.phase.value,
        "ready_instances": status.ready_instances,
        "job_id": status.job_id,
        "reason": status.reason or None,
        "message": status.words or None,
        "estimated_start": _iso(status.estimated_start),
        "estimated_ready": _iso(status.estimated_ready),
    }
    entry: ModelEntry = {
        "id": route.deployment.name,
        "object": "model",
        "created": created,
        "owned_by": OWNER,
        "status": told,
    }
    length = status.max_model_len or route.deployment.engine_args.get("max-model-len")
    if isinstance(length, int):
        entry["max_model_len"] = length
    return entry


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
