"""Tables of the fleet: instances and what their workers told."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from web.database import Base, UtcDateTime


class InstanceRow(Base):
    """One vLLM server run by one job; the columns mirror `web.fleet.states.Instance`."""

    __tablename__ = "instances"
    __table_args__ = (
        Index("ix_instances_state", "state"),
        Index("ix_instances_model_ended_at", "model", "ended_at"),
    )

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    model: Mapped[str] = mapped_column(String(255))
    cluster: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(16))
    end_reason: Mapped[str | None] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(Text, default="")
    terminal: Mapped[bool] = mapped_column(Boolean, default=False)
    secret_version: Mapped[int] = mapped_column(Integer)
    fingerprint: Mapped[str] = mapped_column(String(16), default="")
    gpus: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state_since: Mapped[datetime] = mapped_column(UtcDateTime)

    job_id: Mapped[str | None] = mapped_column(String(64))
    slurm_state: Mapped[str] = mapped_column(String(32), default="")
    slurm_reason: Mapped[str] = mapped_column(Text, default="")
    estimated_start: Mapped[datetime | None] = mapped_column(UtcDateTime)
    walltime_end: Mapped[datetime | None] = mapped_column(UtcDateTime)
    node: Mapped[str | None] = mapped_column(String(255))
    missing_listings: Mapped[int] = mapped_column(Integer, default=0)

    claimed_by: Mapped[str | None] = mapped_column(String(64))
    restart_count: Mapped[int] = mapped_column(Integer, default=0)
    sequence: Mapped[int] = mapped_column(Integer, default=-1)
    port: Mapped[int | None] = mapped_column(Integer)
    max_model_len: Mapped[int | None] = mapped_column(Integer)
    running: Mapped[int] = mapped_column(Integer, default=0)
    waiting: Mapped[int] = mapped_column(Integer, default=0)
    kv_cache_usage: Mapped[float] = mapped_column(Float, default=0.0)
    tokens: Mapped[int | None] = mapped_column(BigInteger)
    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    active_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    progress_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # When Slurm gave the job its nodes and took them back, by Slurm's own word; the GPU-seconds of
    # its runs before a requeue.
    allocated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    gpu_seconds_before: Mapped[float] = mapped_column(Float, default=0.0)
    running_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ready_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TelemetryRow(Base):
    """One heartbeat's load; only the newest MAX_NUM_HISTORIC_RECORDS per instance are kept."""

    __tablename__ = "telemetry"
    __table_args__ = (Index("ix_telemetry_instance_id_at", "instance_id", "at"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    instance_id: Mapped[str] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    running: Mapped[int] = mapped_column(Integer)
    waiting: Mapped[int] = mapped_column(Integer)
    kv_cache_usage: Mapped[float] = mapped_column(Float)


class ClusterLookRow(Base):
    """The last look at each cluster, for /ready and for admins: one row per cluster."""

    __tablename__ = "cluster_looks"

    cluster: Mapped[str] = mapped_column(String(255), primary_key=True)
    tried_at: Mapped[datetime] = mapped_column(UtcDateTime)
    succeeded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    duration_ms: Mapped[float] = mapped_column(Float, default=0.0)
    problem: Mapped[str] = mapped_column(Text, default="")


class OrderRow(Base):
    """What an administrator wants done; the fleet process carries it out and says how it went."""

    __tablename__ = "orders"
    __table_args__ = (Index("ix_orders_done_at", "done_at"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    model: Mapped[str] = mapped_column(String(255))
    instance_id: Mapped[str | None] = mapped_column(String(16))
    given_by: Mapped[str] = mapped_column(String(255))
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str] = mapped_column(Text, default="")


class OrphanRow(Base):
    """A job with our name prefix that belongs to no instance, as the last listings showed it."""

    __tablename__ = "orphans"

    cluster: Mapped[str] = mapped_column(String(255), primary_key=True)
    job_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(32))
    node: Mapped[str | None] = mapped_column(String(255))
    # Its name carries our seal: this gateway submitted it.
    ours: Mapped[bool] = mapped_column(Boolean)
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LogTailRow(Base):
    """The end of an instance's log that an administrator has asked for; gone some minutes later."""

    __tablename__ = "log_tails"

    instance_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    text: Mapped[str] = mapped_column(Text, default="")
    problem: Mapped[str] = mapped_column(Text, default="")
