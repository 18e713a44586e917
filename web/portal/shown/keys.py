"""A user's own keys, and what a new one can be. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from web.fleet.routing import Route
from web.identity.keys import PREFIX, life_days
from web.identity.search_store import KeyStanding
from web.identity.store import KeyRecord
from web.portal.words import plural, span

# Long enough before the end to think of every program that has the key.
EXPIRES_SOON = timedelta(days=14)
MOST_WORKING = 100
OVERLAPS = {
    "0": "not at all: it stops working now",
    "1": "for 1 hour",
    "24": "for 1 day",
    "168": "for 7 days",
}
USUAL_OVERLAP = "24"


@dataclass(frozen=True, slots=True)
class KeyShown:
    """`models` is None when it may use all that its owner may; `warning` is empty when all is well.

    `begins`: how the key begins, by which it is recognised.
    """

    id: str
    name: str
    begins: str
    badge: str
    badge_words: str
    warning: str
    models: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    is_service: bool
    works: bool

    @property
    def can_rotate(self) -> bool:
        """A program's key may live longer than a person's: only administrators make another."""
        return self.works and not self.is_service

    @property
    def called(self) -> str:
        """What it is called where it is spoken of."""
        return f"“{self.name}”" if self.name else self.begins


@dataclass(frozen=True, slots=True)
class Wish:
    """What a form asks for; `models` are names, none of them means all."""

    name: str
    days: str
    models: tuple[str, ...]

    def life_days(self, ttl_days: int) -> int:
        """Raises ValueError, in words, for what is no length of life."""
        if not self.days:
            return ttl_days
        if not (self.days.isascii() and self.days.isdigit() and len(self.days) <= 4):
            raise ValueError("How long it lives is a whole number of days.")
        days = int(self.days)
        if not 1 <= days <= ttl_days:
            raise ValueError(f"A key lives from 1 to {plural(ttl_days, 'day')}.")
        return life_days(days, ttl_days, is_service=False)

    def limited_to(self, usable: Collection[str]) -> tuple[str, ...] | None:
        """Raises ValueError for a model that they may not use, or that is not there any more."""
        for model in self.models:
            if model not in usable:
                raise ValueError(f"There is no model {model!r} that you may use.")
        return self.models or None


def key_shown(record: KeyRecord, now: datetime) -> KeyShown:
    badge, words = _badge(record, now)
    return KeyShown(
        id=record.id,
        name=record.name,
        begins=f"{PREFIX}{record.id}…",
        badge=badge,
        badge_words=words,
        warning=_warning(record, now),
        models=record.models,
        created_at=record.created_at,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
        last_used_at=record.last_used_at,
        is_service=record.is_service,
        works=_works(record, now),
    )


def soon(record: KeyRecord) -> timedelta:
    """How long before its end a key's owner is warned: less for one that was made for few days."""
    return min(EXPIRES_SOON, (record.expires_at - record.created_at) / 4)


def names(routes: Sequence[Route]) -> tuple[str, ...]:
    return tuple(route.deployment.name for route in routes)


def standing_words(standing: KeyStanding, now: datetime) -> str:
    """A line on all the keys of a user."""
    if not standing.working or standing.first_end is None:
        return "You have no key that works."
    left = span((standing.first_end - now).total_seconds())
    if standing.working == 1:
        return f"You have one key. It works for another {left}."
    return f"You have {plural(standing.working, 'key')} that work. The first one ends in {left}."


def ends_soon(standing: KeyStanding, now: datetime) -> bool:
    return standing.first_end is not None and standing.first_end - now <= EXPIRES_SOON


def _works(record: KeyRecord, now: datetime) -> bool:
    return record.revoked_at is None and now < record.expires_at


def _badge(record: KeyRecord, now: datetime) -> tuple[str, str]:
    if record.revoked_at is not None:
        return "bad", "revoked"
    if not _works(record, now):
        return "cold", "expired"
    return ("warn", "ends soon") if _warning(record, now) else ("good", "works")


def _warning(record: KeyRecord, now: datetime) -> str:
    left = record.expires_at - now
    if not _works(record, now) or left > soon(record):
        return ""
    return f"Ends in {span(left.total_seconds())}."
