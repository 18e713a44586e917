"""Everybody's keys as administrators see them. Pure."""

from dataclasses import dataclass
from datetime import datetime

from web.identity.store import KeyRecord

_BADGES = {"active": "good", "expired": "cold", "revoked": "bad", "owner disabled": "bad"}


@dataclass(frozen=True, slots=True)
class KeyLine:
    """`models` is None when the key may use all that its owner may."""

    id: str
    user: str
    name: str
    state: str
    badge: str
    is_service: bool
    models: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    can_revoke: bool


def key_line(record: KeyRecord, now: datetime) -> KeyLine:
    state = _state(record, now)
    return KeyLine(
        id=record.id,
        user=record.user,
        name=record.name,
        state=state,
        badge=_BADGES[state],
        is_service=record.is_service,
        models=record.models,
        created_at=record.created_at,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
        last_used_at=record.last_used_at,
        can_revoke=record.revoked_at is None and now < record.expires_at,
    )


def _state(record: KeyRecord, now: datetime) -> str:
    if record.revoked_at is not None:
        return "revoked"
    if now >= record.expires_at:
        return "expired"
    return "active" if record.principal_at(now) else "owner disabled"
