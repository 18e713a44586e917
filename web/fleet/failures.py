"""A model whose launches fail: when to try again, and when to leave it to a person. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from web.fleet.policy import Policy
from web.fleet.states import LAUNCH_FAILURES, EndReason, Instance


@dataclass(frozen=True, slots=True)
class LaunchRecord:
    """The unbroken run of failed launches at the head of a model's history, newest first."""

    failures: tuple[Instance, ...]
    next_at: datetime
    # Only another catalog entry or an administrator's retry can help.
    given_up: bool


def launch_record(
    history: Iterable[Instance],
    fingerprint: str,
    retried_at: datetime | None,
    now: datetime,
    policy: Policy,
) -> LaunchRecord:
    """What the ended instances (newest first) say of the next launch.

    Launches with other settings, and those before the last retry, say nothing.
    """
    failures: list[Instance] = []
    for instance in history:
        other_settings = bool(instance.fingerprint) and instance.fingerprint != fingerprint
        forgotten = retried_at is not None and instance.created_at <= retried_at
        if other_settings or forgotten or not _is_failed_launch(instance, policy):
            break
        failures.append(instance)
    lasting = [f for f in failures if f.terminal or f.end_reason is not EndReason.REJECTED]
    given_up = any(f.terminal for f in failures) or (
        len(lasting) >= policy.failures_before_unavailable
    )
    return LaunchRecord(tuple(failures), _next_at(failures, now, policy), given_up)


def _is_failed_launch(instance: Instance, policy: Policy) -> bool:
    """It never served, or died of itself before it had served for long."""
    if instance.end_reason not in LAUNCH_FAILURES:
        return False
    if instance.ready_at is None or instance.ended_at is None:
        return True
    return (instance.ended_at - instance.ready_at).total_seconds() < policy.brief_life_s


def _next_at(failures: list[Instance], now: datetime, policy: Policy) -> datetime:
    """At once, or after a delay that doubles per failure."""
    if not failures or failures[0].ended_at is None:
        return now
    delay_s = policy.backoff_base_s * 2 ** min(len(failures) - 1, 16)
    return failures[0].ended_at + timedelta(seconds=min(delay_s, policy.backoff_cap_s))
