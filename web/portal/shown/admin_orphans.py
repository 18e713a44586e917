"""Jobs that carry our name and belong to no instance, and what to do about them. Pure."""

from dataclasses import dataclass
from datetime import datetime

from web.fleet.orphans import Orphan


@dataclass(frozen=True, slots=True)
class OrphanLine:
    job_id: str
    name: str
    state: str
    node: str | None
    cluster: str
    seen_for_s: float
    is_ours: bool
    advice: str
    # A command to paste at the cluster's prompt; empty where nothing is to be done.
    command: str


def orphan_line(orphan: Orphan, now: datetime) -> OrphanLine:
    if orphan.ours:
        advice, command = "Nothing to do: the fleet process ends it by itself.", ""
    else:
        advice = "If no other gateway uses it, end it on the login node:"
        command = f"scancel {orphan.job_id}"
    return OrphanLine(
        job_id=orphan.job_id,
        name=orphan.name,
        state=orphan.state.lower().replace("_", " "),
        node=orphan.node,
        cluster=orphan.cluster,
        seen_for_s=max(0.0, (now - orphan.first_seen_at).total_seconds()),
        is_ours=orphan.ours,
        advice=advice,
        command=command,
    )
