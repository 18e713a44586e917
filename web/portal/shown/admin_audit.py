"""The audit log as people read it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from web.audit.entries import Entry
from web.audit.store import Wanted
from web.usage.periods import read_time

ENTRIES_PER_PAGE = 50
ASKED = ("actor", "action", "subject", "since", "until")
# What there is to choose from; whatever else is typed into the address is looked for as well.
FAMILIES: Mapping[str, str] = {
    "": "everything",
    "login": "logins",
    "login.failed": "failed logins",
    "logout": "logouts",
    "key": "keys",
    "user": "users",
    "limits": "limits",
    "model": "launches asked for",
    "order": "orders",
    "instance": "instances",
    "job": "jobs ended",
    "log": "logs read",
    "secrets": "secrets",
}


@dataclass(frozen=True, slots=True)
class EntryLine:
    id: int
    at: datetime
    actor: str
    origin: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """`older` and `newest` are addresses; None where they lead nowhere."""

    lines: tuple[EntryLine, ...]
    older: str | None
    newest: str | None


def wanted_of(asked: Mapping[str, str], now: datetime) -> Wanted:
    """Raises ValueError, in words, for a time that is none."""
    zone = now.tzinfo
    assert zone is not None  # noqa: S101 - for the type checker: the clock is aware
    since = read_time(asked["since"], now, zone) if asked.get("since") else None
    until = read_time(asked["until"], now, zone) if asked.get("until") else None
    # A day that is named is whole.
    if until is not None and len(asked["until"]) == len("2026-11-20"):
        until += timedelta(days=1)
    return Wanted(
        actor=asked.get("actor") or None,
        action=asked.get("action") or None,
        subject=asked.get("subject") or None,
        since=since,
        until=until,
    )


def audit_page(
    path: str, asked: Mapping[str, str], before_id: int | None, found: tuple[Entry, ...]
) -> AuditPage:
    """`found` are one more than a page has when there is another page."""
    shown = found[:ENTRIES_PER_PAGE]
    words = {name: value for name, value in asked.items() if value}
    older = None
    if len(found) > ENTRIES_PER_PAGE:
        older = f"{path}?{urlencode({**words, 'before': str(shown[-1].id)})}"
    newest = None
    if before_id is not None:
        newest = f"{path}?{urlencode(words)}" if words else path
    return AuditPage(tuple(map(entry_line, shown)), older, newest)


def entry_line(entry: Entry) -> EntryLine:
    told = (f"{name.replace('_', ' ')}: {_words(value)}" for name, value in entry.detail.items())
    return EntryLine(
        entry.id,
        entry.at,
        entry.actor or "unknown",
        entry.origin,
        entry.action,
        entry.subject,
        ", ".join(told),
    )


def _words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value)) or "none"
        case None | "":
            return "–"
        case _:
            return str(value)
