"""`/v1/models`: what this key may use, running or not. From memory, so always quick. Pure."""

from datetime import UTC, datetime

from web.fleet.routing import Route, Snapshot
from web.identity.keys import Principal
from web.identity.permissions import may_use

OWNER = "kscope"


def model_list(snapshot: Snapshot, principal: Principal, created: int) -> dict[str, object]:
    routes = (snapshot.routes[name] for name in snapshot.names)
    data = [model_entry(r, created) for r in routes if may_use(principal, r.deployment)]
    return {"object": "list", "data": data}


def model_entry(route: Route, created: int) -> dict[str, object]:
    """OpenAI's members, `max_model_len` where known (Continue needs it), and `status`."""
    status = route.status
    entry: dict[str, object] = {
        "id": route.deployment.name,
        "object": "model",
        "created": created,
        "owned_by": OWNER,
    }
    length = status.max_model_len or route.deployment.engine_args.get("max-model-len")
    if isinstance(length, int):
        entry["max_model_len"] = length
    entry["status"] = {
        "state": status.phase.value,
        "ready_instances": status.ready_instances,
        "job_id": status.job_id,
        "reason": status.reason or None,
        "message": status.words or None,
        "estimated_start": _iso(status.estimated_start),
        "estimated_ready": _iso(status.estimated_ready),
    }
    return entry


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
