"""Requests that were served, for tests of their accounts."""

from datetime import UTC, datetime
from typing import Any

from web.identity.keys import Principal
from web.openai_proxy.counts import Usage
from web.openai_proxy.inquiry import Outcome, Served

NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
USAGE = Usage(prompt_tokens=10, completion_tokens=4, cached_tokens=2)


def principal(user: str = "alice", key_id: str = "") -> Principal:
    return Principal(key_id or f"key-of-{user}", user, None)


def request(**changes: Any) -> Served:
    whole = {
        "principal": principal(),
        "model": "demo",
        "status": 200,
        "outcome": Outcome.WHOLE,
        "duration_s": 0.5,
        "usage": USAGE,
        "request_bytes": 400,
        "content_events": 3,
    }
    return Served(**{**whole, **changes})
