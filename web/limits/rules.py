"""What is limited, for whom, and which limits a request meets. Pure.

A row says something of a key, of a model (all its users together), of a user, of each member of a
group, or of everyone: each user. Three subjects are counted for each request: its key, its user
and its model. What holds for a user is found limit by limit: the user's own row if it says
something, else the most generous of the groups' rows, else everyone's. So a row for one user adds
to what holds for all, and UNLIMITED takes something away from it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from web.identity.keys import Principal

UNLIMITED = -1
# What JSON and Redis count without loss.
MOST = 2**53
# Each of them is kept in memory for a minute.
MOST_AT_ONCE = 1_000_000
_IN_MEMORY = ("requests_per_minute", "parallel_requests")
MAX_KNOWN = 20_000


class Scope(StrEnum):
    EVERYONE = "everyone"
    GROUP = "group"
    USER = "user"
    KEY = "key"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Limits:
    """None: nothing is said. 0: nothing is let through. UNLIMITED: no limit, whatever is said of
    everyone. A day and a month are those of the calendar, in UTC."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    parallel_requests: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    gpu_hours_per_day: float | None = None
    gpu_hours_per_month: float | None = None

    @property
    def counts(self) -> bool:
        """Something is to be counted request by request."""
        return (
            self.requests_per_minute is not None
            or self.tokens_per_minute is not None
            or self.parallel_requests is not None
        )

    @property
    def counts_tokens(self) -> bool:
        return self.tokens_per_day is not None or self.tokens_per_month is not None

    @property
    def counts_gpu_hours(self) -> bool:
        return self.gpu_hours_per_day is not None or self.gpu_hours_per_month is not None

    def share(self, of: int) -> "Limits":
        """What one of so many processes may let through when they do not know of each other."""
        if of == 1:
            return self
        return replace(
            self,
            requests_per_minute=_part(self.requests_per_minute, of),
            tokens_per_minute=_part(self.tokens_per_minute, of),
            parallel_requests=_part(self.parallel_requests, of),
        )


NAMES = tuple(f.name for f in fields(Limits))
NOTHING = Limits()
Rows = Mapping[tuple[Scope, str], Limits]


@dataclass(frozen=True, slots=True)
class Rule:
    """Limits that hold for one subject; None where there is none, never UNLIMITED."""

    subject: str  # scope:name
    limits: Limits

    @property
    def whose(self) -> str:
        """In words, behind the name of a limit."""
        scope, _, name = self.subject.partition(":")
        match scope:
            case Scope.KEY:
                return f"of the key {name}"
            case Scope.MODEL:
                return f"of the model `{name}`, all its users together"
            case _:
                return f"of the user {name}"


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rows; what holds for a request is found once and remembered."""

    rows: Rows
    _known: dict[object, tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)

    def applying(self, principal: Principal, model: str) -> tuple[Rule, ...]:
        """The rules that a request meets, the most particular first; those that say nothing are
        left out."""
        asked = (principal.key_id, principal.user, principal.groups, model)
        rules = self._known.get(asked)
        if rules is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            rules = self._known[asked] = tuple(self._applying(principal, model))
        return rules

    def _applying(self, principal: Principal, model: str) -> Iterable[Rule]:
        row = self.rows.get
        for subject, said in (
            (f"{Scope.KEY}:{principal.key_id}", row((Scope.KEY, principal.key_id), NOTHING)),
            (f"{Scope.USER}:{principal.user}", self.of_user(principal.user, principal.groups)),
            (f"{Scope.MODEL}:{model}", row((Scope.MODEL, model), NOTHING)),
        ):
            limits = _plain(said)
            if limits != NOTHING:
                yield Rule(subject, limits)

    def of_user(self, user: str, groups: Iterable[str]) -> Limits:
        """What is said of a user, by whatever row says it."""
        row = self.rows.get
        own = row((Scope.USER, user), NOTHING)
        shared = [found for group in groups if (found := row((Scope.GROUP, group)))]
        everyone = row((Scope.EVERYONE, ""), NOTHING)
        said = {}
        for name in NAMES:
            value = getattr(own, name)
            if value is None:
                value = _most_generous([getattr(limits, name) for limits in shared])
            said[name] = getattr(everyone, name) if value is None else value
        return Limits(**said)


def check_limits(limits: Limits) -> None:
    """Raises ValueError, in words, for what cannot be a limit."""
    for name in NAMES:
        value = getattr(limits, name)
        most = MOST_AT_ONCE if name in _IN_MEMORY else MOST
        if value is not None and value != UNLIMITED and not 0 <= value <= most:
            raise ValueError(f"{name} is a number from 0 to {most}, not {value}")


def _most_generous(values: list[float | None]) -> float | None:
    said = [value for value in values if value is not None]
    return UNLIMITED if UNLIMITED in said else max(said, default=None)


def _plain(limits: Limits) -> Limits:
    """Without UNLIMITED: from here on, None is no limit."""
    return Limits(
        **{name: None if (value := getattr(limits, name)) == UNLIMITED else value for name in NAMES}
    )


def _part(limit: int | None, of: int) -> int | None:
    """At least 1, or a small limit would let nobody through; 0 stays 0."""
    return limit if not limit else max(1, limit // of)
