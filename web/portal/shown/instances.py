"""A model's instances, how busy they are, and what that means for whoever asks. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from web.catalog.deployment import Deployment
from web.fleet.states import NEAREST_TO_READY, Instance, InstanceState
from web.portal.shown.admin_states import badge_of
from web.portal.words import plural, span

S = InstanceState
_SERVING = (S.READY, S.DRAINING)
# As full as this, an engine lets new prompts wait for memory.
NEARLY_FULL = 0.9


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """`left_s` until its job's time limit. Its load is None while it does not serve."""

    id: str
    badge: str
    badge_words: str
    job_id: str | None
    node: str | None
    age_s: float
    left_s: float | None
    running: int | None
    waiting: int | None
    cache_percent: int | None
    heard_s: float | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How quick an answer is to be expected: a word or two, and why."""

    kind: str
    title: str
    words: str


def nearest(live: Iterable[Instance], job_id: str | None = None) -> Instance | None:
    """The one that the model's status is about, which knows it by its job; else the nearest one."""

    def distance(instance: Instance) -> tuple[bool, int]:
        return instance.job_id != job_id, NEAREST_TO_READY.index(instance.state)

    return min(live, key=distance, default=None)


def instance_rows(live: Iterable[Instance], now: datetime) -> list[InstanceRow]:
    """Those nearest to ready first, of these the oldest."""
    ordered = sorted(live, key=lambda i: (NEAREST_TO_READY.index(i.state), i.created_at))
    return [_row(instance, now) for instance in ordered]


def pace(live: Sequence[Instance], deployment: Deployment) -> Pace | None:
    """None while nothing serves or nothing is known."""
    serving = [i for i in live if i.is_routable and i.heartbeat_at is not None]
    if not serving:
        return None
    running = sum(i.load.running for i in serving)
    waiting = sum(i.load.waiting for i in serving)
    more = _what_comes(live, deployment)
    if waiting:
        words = f"{plural(waiting, 'request')} waiting for a place, {running} being answered."
        return Pace("warn", "Answers begin late", f"{words} {more}")
    if any(i.load.kv_cache_usage >= NEARLY_FULL for i in serving):
        words = "The memory for conversations is nearly full: long prompts may have to wait."
        return Pace("warn", "Nearly full", f"{words} {more}")
    if running > deployment.target_requests * len(serving):
        words = (
            f"{plural(running, 'request')} at once share it, so each is written more slowly than "
            f"when it is quiet."
        )
        return Pace("warn", "Answers are slower", f"{words} {more}")
    if running:
        words = f"{plural(running, 'request')} being answered, none waiting."
        return Pace("good", "In use, with room for more", words)
    return Pace("good", "Quiet", "Nobody uses it just now: an answer begins at once.")


def _what_comes(live: Sequence[Instance], deployment: Deployment) -> str:
    present = sum(i.state.is_present for i in live)
    coming = sum(i.state in (S.SUBMITTING, S.PENDING, S.STARTING) for i in live)
    if coming:
        return "Another instance is on its way."
    if present >= deployment.max_instances:
        most = plural(deployment.max_instances, "instance")
        return f"It may have {most} at most, and has."
    return f"If that lasts {span(deployment.scale_up_after_s)}, another instance is asked for."


def _row(instance: Instance, now: datetime) -> InstanceRow:
    badge, words = badge_of(instance.state)
    load = instance.load if instance.state in _SERVING and instance.heartbeat_at else None
    left, heard = instance.walltime_end, instance.heartbeat_at
    return InstanceRow(
        id=instance.id,
        badge=badge,
        badge_words=words,
        job_id=instance.job_id,
        node=instance.node,
        age_s=(now - instance.created_at).total_seconds(),
        left_s=max(0.0, (left - now).total_seconds()) if left is not None else None,
        running=load.running if load else None,
        waiting=load.waiting if load else None,
        cache_percent=round(100 * load.kv_cache_usage) if load else None,
        heard_s=max(0.0, (now - heard).total_seconds()) if heard is not None else None,
    )
