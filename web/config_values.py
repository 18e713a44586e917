"""How the text of an environment variable becomes a value: one `Kind` per sort of setting.

A `Kind`'s parser takes stripped, printable, non-empty text and raises ValueError for any other
than what is wanted.
"""

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# Host names, IPv4 and IPv6 addresses; a leading dash would read as an option of ssh.
_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:-]{0,252}")
# What Slurm takes for a partition (list), qos or account; never an option.
_SLURM_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,+@-]{0,127}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_POSTGRES_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg")


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of value: its parser, and what to tell the person who wrote something else."""

    parse: Callable[[str], object]
    wanted: str
    example: str


def _matching(pattern: re.Pattern[str]) -> Callable[[str], object]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(text)
        return text

    return parse


def _decimal(text: str) -> float:
    # float() would take nan, inf, 1e9 and digits of other scripts.
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return float(text)


def whole(least: int, most: int) -> Kind:
    """A whole number in [least, most]."""

    def parse(text: str) -> int:
        number = _decimal(text)
        if number != int(number) or not least <= number <= most:
            raise ValueError(text)
        return int(number)

    return Kind(parse, f"a whole number from {least} to {most}", str(max(least, min(most, 10))))


def seconds(least: float, most: float = 86_400) -> Kind:
    """A length of time in seconds, in [least, most]."""

    def parse(text: str) -> float:
        number = _decimal(text)
        if not least <= number <= most:
            raise ValueError(text)
        return number

    return Kind(parse, f"a number of seconds from {least:g} to {most:g}", "10")


def choice(options: type[enum.Enum]) -> Kind:
    """One of an enum's values, in either case."""
    values = [str(option.value) for option in options]
    return Kind(lambda text: options(text.lower()), "one of " + ", ".join(values), values[0])


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # ~nobody-of-that-name
        raise ValueError(text) from error


def _price(text: str) -> Decimal:
    _decimal(text)
    return Decimal(text)


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(text)
    if parts.query or parts.fragment or "@" in parts.netloc or " " in text:
        raise ValueError(text)
    return text.rstrip("/")


def _database_url(text: str) -> str:
    """SQLAlchemy's URL: SQLite files made absolute, PostgreSQL always through psycopg 3."""
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and rest.strip("/") not in ("", ":memory:"):
        return f"sqlite:///{_path(rest[1:])}"
    parts = urlsplit(text)
    if scheme not in _POSTGRES_SCHEMES or not rest or parts.port == 0:
        raise ValueError(text)
    return f"postgresql+psycopg://{rest}"


def _counters_url(text: str) -> str:
    """`memory://`, or a Redis with a host; its user and password may stand in it."""
    if text == "memory://":
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.port == 0:
        raise ValueError(text)
    if parts.fragment or not re.fullmatch(r"(/[0-9]{0,3})?", parts.path):
        raise ValueError(text)
    return text


CURRENCY = Kind(_matching(_CURRENCY), "three capital letters (ISO 4217)", "EUR")
PRICE = Kind(_price, "a decimal number", "1.85")
HOST = Kind(_matching(_HOST), "a host name or an address", "login1.cluster.example")
SLURM_WORD = Kind(_matching(_SLURM_WORD), "a name that Slurm knows", "gpu")
USER = Kind(_matching(_USER), "a user name", "llm")
PATH = Kind(_path, "a path", "var")
HTTP_URL = Kind(_http_url, "an http:// or https:// URL with no user, query or fragment",
                "https://llm.cluster.example")  # fmt: skip
DATABASE = Kind(_database_url, "a sqlite:/// or postgresql:// URL",
                "postgresql://kscope@db.cluster.example/kscope")  # fmt: skip
COUNTERS = Kind(_counters_url, "memory:// or a redis:// or rediss:// URL",
                "redis://redis.cluster.example:6379/0")  # fmt: skip


Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable. `default` is its text (empty = unset), or prose when `derive` computes it."""

    env: str
    kind: Kind
    default: str
    meaning: str
    derive: Callable[[Values], object] | None = None
    secret: bool = False

    def parse(self, text: str) -> object:
        # Control characters and bytes that are not UTF-8 (surrogates here) belong in no value.
        if not text.isprintable():
            raise ValueError(text)
        return self.kind.parse(text)

    def absent(self, values: Values) -> object:
        """The value when the variable is not set, given the settings before it."""
        if self.derive is not None:
            return self.derive(values)
        return self.kind.parse(self.default) if self.default else None

    def fault(self, text: str) -> str:
        shown = ascii(re.sub("//[^/]*@", "//...@", text)[:100])
        shown = "its value (not shown)" if self.secret else shown
        example = self.kind.example if self.derive or not self.default else self.default
        return f"{self.env}: {shown} is not {self.kind.wanted}, e.g. {self.env}={example}"


def env(
    name: str,
    kind: Kind,
    default: str,
    meaning: str,
    derive: Callable[[Values], object] | None = None,
    secret: bool = False,
) -> dict[str, Setting]:
    """The metadata of a settings field."""
    return {"setting": Setting(name, kind, default, meaning, derive, secret)}
