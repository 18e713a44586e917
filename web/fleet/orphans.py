"""Jobs that carry our name but belong to no instance. Pure.

They are what a lost database or another gateway of the same user leaves in the queue. All are
listed; ended are only those whose name carries our seal, after several listings have shown them.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from slurm.jobs import Job, JobState
from slurm.script import JOB_NAME_PREFIX, instance_id_of
from web.fleet.observation import Listing
from web.fleet.policy import Policy

NAME_LENGTH = 64
_ENDS_ANYWAY = JobState.COMPLETING.name
_NOBODY_KNOWS = JobState.UNKNOWN.name


@dataclass(frozen=True, slots=True)
class Orphan:
    """A job of no instance, as the last listing showed it; `ours`: its name carries our seal."""

    cluster: str
    job_id: str
    name: str
    state: str  # a name of JobState
    node: str | None
    ours: bool
    first_seen_at: datetime
    last_seen_at: datetime


def orphans_in(
    listing: Listing,
    cluster: str,
    known_ids: Collection[str],
    seen: Iterable[Orphan],
    is_ours: Callable[[str], bool],
) -> tuple[Orphan, ...]:
    """The orphans of a successful listing, by job id; `seen` are those of the one before.

    `known_ids`: every instance id of the listing that has a row, over or not.
    """
    # A job id comes round again; together with the name it does not.
    first_seen = {(o.job_id, o.name): o.first_seen_at for o in seen if o.cluster == cluster}
    found = []
    for job in sorted(listing.jobs, key=lambda job: job.job_id):
        if _is_orphan(job, known_ids):
            instance_id, name = instance_id_of(job.name), job.name[:NAME_LENGTH]
            found.append(
                Orphan(
                    cluster=cluster,
                    job_id=job.job_id,
                    name=name,
                    state=job.state.name,
                    node=job.node,
                    ours=instance_id is not None and is_ours(instance_id),
                    first_seen_at=first_seen.get((job.job_id, name), listing.looked_at),
                    last_seen_at=listing.looked_at,
                )
            )
    return tuple(found)


def unwanted(orphans: Iterable[Orphan], policy: Policy) -> tuple[Orphan, ...]:
    """Those to end: provably ours, alive, and seen again after the grace time."""
    return tuple(
        orphan
        for orphan in orphans
        if orphan.ours
        and orphan.state not in (_ENDS_ANYWAY, _NOBODY_KNOWS)
        and orphan.last_seen_at > orphan.first_seen_at
        and (orphan.last_seen_at - orphan.first_seen_at).total_seconds() > policy.orphan_grace_s
    )


def _is_orphan(job: Job, known_ids: Collection[str]) -> bool:
    if job.state.is_over or not job.name.startswith(JOB_NAME_PREFIX):
        return False
    return instance_id_of(job.name) not in known_ids
