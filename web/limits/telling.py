"""Limits in the words of OpenAI's API: the headers of each answer, and the 429. Pure."""

import math
from datetime import datetime

from web.errors import Overloaded, QuotaExceeded, RateLimited
from web.limits.counting import Kind, Refused, Room, Rooms
from web.limits.rules import Rule

MAX_RETRY_AFTER_S = 60
# A client that retries for so long still helps its user.
SOON_S = 120
FAIR_RETRY_S = 2

_WHAT = {
    Kind.REQUESTS: "requests per minute",
    Kind.TOKENS: "tokens per minute",
    Kind.PARALLEL: "parallel requests",
}


def limit_headers(rooms: Rooms) -> list[tuple[str, str]]:
    """As OpenAI's API has them (its guide "Rate limits", "Rate limits in headers")."""
    shown: list[tuple[str, str]] = []
    for name, room in (("requests", rooms.requests), ("tokens", rooms.tokens)):
        if room is not None:
            shown += _headers(name, room)
    return shown


def rate_limited(refused: Refused, model: str) -> RateLimited:
    after_s = min(max(1, math.ceil(refused.after_s)), MAX_RETRY_AFTER_S)
    limit = f"{_WHAT[refused.kind]} {refused.rule.whose}: limit {refused.limit}"
    when = f"Please try again in {duration(refused.after_s)}."
    if refused.limit == 0:
        when = "Nothing is let through until an administrator changes that."
    elif refused.kind is Kind.PARALLEL:
        when = "There is room again as soon as one of the running requests ends."
    return RateLimited(
        f"Rate limit reached for `{model}` on {limit}. {when}",
        kind="tokens" if refused.kind is Kind.TOKENS else "requests",
        retry_after_s=after_s,
        headers=dict(limit_headers(refused.rooms)),
    )


def quota_exceeded(
    rule: Rule, budget: str, used: float, limit: float, reset_at: datetime, now: datetime
) -> QuotaExceeded:
    """`budget`: such as "tokens per day"."""
    after_s = max(1, math.ceil((reset_at - now).total_seconds()))
    soon = after_s <= SOON_S
    return QuotaExceeded(
        f"You exceeded your current quota: the {budget} {rule.whose} are used up "
        f"({_number(used)} of {_number(limit)}). There is room again at "
        f"{reset_at:%Y-%m-%d %H:%M} UTC.",
        retry_after_s=min(after_s, MAX_RETRY_AFTER_S) if soon else after_s,
        should_retry=soon,
    )


def above_share(model: str, share: int) -> Overloaded:
    return Overloaded(
        f"The engine is currently overloaded, please try again later: `{model}` has as many "
        f"requests as it can work on, and you have more than your fair share of {share} while "
        "others wait.",
        retry_after_s=FAIR_RETRY_S,
    )


def duration(seconds: float) -> str:
    """As Go prints it and OpenAI's headers have it: `17ms`, `1.5s`, `6m0s`, `1h0m0s`."""
    if seconds < 1:
        return f"{math.ceil(max(0.0, seconds) * 1000)}ms" if seconds > 0 else "0s"
    if seconds < 60:
        return f"{math.ceil(seconds * 1000) / 1000:g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"


def _headers(name: str, room: Room) -> list[tuple[str, str]]:
    return [
        (f"x-ratelimit-limit-{name}", str(room.limit)),
        (f"x-ratelimit-remaining-{name}", str(room.remaining)),
        (f"x-ratelimit-reset-{name}", duration(room.reset_s)),
    ]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
