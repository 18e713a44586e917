"""Limits as administrators see and type them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from web.limits.rules import NAMES, UNLIMITED, Limits, Scope, check_limits

UNLIMITED_WORD = "unlimited"
MOST_NAME = 255

LABELS: Mapping[str, str] = {
    "requests_per_minute": "Requests per minute",
    "tokens_per_minute": "Tokens per minute",
    "parallel_requests": "Requests at once",
    "tokens_per_day": "Tokens per day",
    "tokens_per_month": "Tokens per month",
    "gpu_hours_per_day": "GPU-hours per day",
    "gpu_hours_per_month": "GPU-hours per month",
}
WHOM: Mapping[Scope, str] = {
    Scope.EVERYONE: "everyone",
    Scope.GROUP: "each member of the group",
    Scope.USER: "the user",
    Scope.KEY: "the key",
    Scope.MODEL: "all users together of the model",
}


@dataclass(frozen=True, slots=True)
class LimitField:
    """`value` as it is typed: a number, `unlimited`, or nothing where nothing is said."""

    name: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class LimitLine:
    scope: str
    name: str
    whom: str
    said: tuple[LimitField, ...]


@dataclass(frozen=True, slots=True)
class LimitForm:
    scope: str
    name: str
    whom: str
    fields: tuple[LimitField, ...]


def limit_lines(rows: Sequence[tuple[Scope, str, Limits]], text: str) -> tuple[LimitLine, ...]:
    """Those whose name contains `text`; everyone's contain nothing but nothing."""
    wanted = text.lower()
    return tuple(
        LimitLine(scope.value, name, WHOM[scope], tuple(f for f in _fields(limits) if f.value))
        for scope, name, limits in rows
        if wanted in name.lower() or wanted in scope.value
    )


def limit_form(scope: Scope, name: str, limits: Limits) -> LimitForm:
    return LimitForm(scope.value, name, WHOM[scope], tuple(_fields(limits)))


def _fields(limits: Limits) -> list[LimitField]:
    return [LimitField(n, LABELS[n], _typed(getattr(limits, n))) for n in NAMES]


def _typed(value: float | None) -> str:
    if value is None:
        return ""
    return UNLIMITED_WORD if value == UNLIMITED else f"{value:g}" if value % 1 else str(int(value))


def scope_of(text: str) -> Scope:
    """Raises ValueError, in words."""
    try:
        return Scope(text)
    except ValueError:
        raise ValueError("say for whom: everyone, a group, a user, a key or a model") from None


def subject_of(scope: Scope, name: str) -> str:
    """The name a row is kept under. Raises ValueError, in words."""
    if scope is Scope.EVERYONE:
        return ""
    if not name:
        raise ValueError(f"say which {scope.value} it is")
    if len(name) > MOST_NAME or not name.isprintable():
        raise ValueError(f"a name is at most {MOST_NAME} printable characters")
    return name


def changes_of(typed: Mapping[str, str]) -> dict[str, float | None]:
    """What a form says of every limit; nothing typed takes a limit back.

    Raises ValueError, in words.
    """
    changes = {name: _value(name, typed.get(name, "")) for name in NAMES}
    check_limits(Limits(**changes))  # type: ignore[arg-type]
    return changes


def _value(name: str, text: str) -> float | None:
    word = text.strip().lower().replace(",", "")
    if not word:
        return None
    if word == UNLIMITED_WORD:
        return UNLIMITED
    number = _number(word, float if name.startswith("gpu") else int)
    if number is None or number < 0:
        raise ValueError(f"{LABELS[name]}: a number, “{UNLIMITED_WORD}”, or nothing at all")
    return number


def _number(word: str, kind: type[int] | type[float]) -> float | None:
    # float() knows nan, inf and 1e400, and Python's own 1_000: people mean none of them.
    if not word.isascii() or not word.replace(".", "", 1).isdigit() or len(word) > 20:
        return None
    try:
        return kind(word)
    except ValueError:
        return None


def worded(changes: Mapping[str, float | None]) -> dict[str, object]:
    """For the audit log: only what is said."""
    return {
        name: UNLIMITED_WORD if value == UNLIMITED else value
        for name, value in changes.items()
        if value is not None
    }
