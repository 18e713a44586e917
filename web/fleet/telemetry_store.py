"""Load over time: one row per heartbeat, read in one go for all instances."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from web.fleet.evidence import Sample
from web.fleet.models import InstanceRow, TelemetryRow
from web.fleet.states import Instance, InstanceState


def samples(session: Session, since: datetime) -> dict[str, tuple[Sample, ...]]:
    """instance id -> its samples from `since` on, oldest first, of the instances that are ready."""
    row = TelemetryRow
    query = (
        select(row.instance_id, row.at, row.running + row.waiting)
        .join(InstanceRow, InstanceRow.id == row.instance_id)
        .where(InstanceRow.state == InstanceState.READY.value, row.at >= since)
        .order_by(row.instance_id, row.at, row.id)
    )
    found: dict[str, list[Sample]] = {}
    for instance_id, at, requests in session.execute(query):
        found.setdefault(instance_id, []).append(Sample(at, requests))
    return {instance_id: tuple(own) for instance_id, own in found.items()}


def keep_sample(session: Session, instance: Instance, limit: int) -> None:
    """Add the instance's load to its samples, of which the newest `limit` stay."""
    session.add(
        TelemetryRow(
            instance_id=instance.id,
            at=instance.heartbeat_at,
            running=instance.load.running,
            waiting=instance.load.waiting,
            kv_cache_usage=instance.load.kv_cache_usage,
        )
    )
    session.flush()
    kept = (
        select(TelemetryRow.id)
        .where(TelemetryRow.instance_id == instance.id)
        .order_by(TelemetryRow.id.desc())
        .limit(limit)
    )
    session.execute(
        delete(TelemetryRow).where(
            TelemetryRow.instance_id == instance.id, TelemetryRow.id.not_in(kept)
        )
    )
