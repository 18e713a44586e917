"""What the first page tells: how the models stand, how the viewer's keys do, and what to do next.
Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from web.fleet.routing import Route
from web.fleet.status import Phase
from web.identity.search_store import KeyStanding
from web.portal.shown.keys import ends_soon, standing_words
from web.portal.shown.models import Group, ModelRow, counts, group_of, rows, summary

# A glance, not the list: what can be used now first, then what is about to be.
MOST_MODELS = 6
_ORDER = (Group.READY, Group.COMING, Group.COLD, Group.BROKEN)


@dataclass(frozen=True, slots=True)
class Glance:
    """`rows` are the first of `total` models; `words` says how all of them stand."""

    rows: Sequence[ModelRow]
    total: int
    words: str
    counts: Mapping[Group, int]


@dataclass(frozen=True, slots=True)
class KeyCard:
    """`badge` is empty when there is nothing to be said of them but `words`."""

    words: str
    badge: str
    badge_words: str
    has_key: bool
    last_used_at: datetime | None


def glance(routes: Sequence[Route], now: datetime) -> Glance:
    ordered = sorted(routes, key=lambda route: _ORDER.index(group_of(route.status)))
    found = counts(routes)
    return Glance(rows(ordered[:MOST_MODELS], {}, now), len(routes), summary(found), found)


def key_card(standing: KeyStanding, now: datetime) -> KeyCard:
    has_key = standing.working > 0
    if not has_key:
        badge, words = "cold", "no key"
    elif ends_soon(standing, now):
        badge, words = "warn", "one ends soon"
    else:
        badge, words = "good", "working"
    told = standing_words(standing, now)
    return KeyCard(told, badge, words, has_key, standing.last_used_at)


def first_choice(routes: Sequence[Route]) -> str | None:
    """The model to try first: one that answers at once, if there is any."""
    ready = (route for route in routes if route.status.phase is Phase.READY)
    chosen = next(ready, routes[0] if routes else None)
    return chosen.deployment.name if chosen else None
