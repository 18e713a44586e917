"""What is shown of a key, for people and as JSON. Pure."""

from datetime import datetime

from web.identity.store import KeyRecord

COLUMNS = ("ID", "USER", "NAME", "STATE", "EXPIRES", "LAST USED", "KIND", "MODELS")


def state(record: KeyRecord, now: datetime) -> str:
    if record.revoked_at is not None:
        return "revoked"
    if now >= record.expires_at:
        return "expired"
    return "active" if record.principal_at(now) else "owner disabled"


def row(record: KeyRecord, now: datetime) -> tuple[str, ...]:
    return (
        record.id,
        record.user,
        record.name or "-",
        state(record, now),
        day(record.expires_at),
        day(record.last_used_at) if record.last_used_at else "never",
        "service" if record.is_service else "personal",
        ",".join(record.models) if record.models is not None else "all",
    )


def plain(record: KeyRecord, now: datetime) -> dict[str, object]:
    """The record as JSON has it: times in ISO 8601, UTC."""
    return {
        "id": record.id,
        "user": record.user,
        "name": record.name,
        "models": list(record.models) if record.models is not None else None,
        "state": state(record, now),
        "is_service": record.is_service,
        "owner_disabled": record.owner is None or record.owner.is_disabled,
        "created_at": record.created_at.isoformat(),
        "expires_at": record.expires_at.isoformat(),
        "revoked_at": record.revoked_at.isoformat() if record.revoked_at else None,
        "last_used_at": record.last_used_at.isoformat() if record.last_used_at else None,
        "pepper_version": record.pepper_version,
    }


def day(at: datetime) -> str:
    return at.date().isoformat()


def minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")
