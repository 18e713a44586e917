"""The form of an API key. Pure.

    sk-ks-<40 characters of randomness><6 characters of checksum>     (base 62)

The first 8 random characters are the key's public id: who finds a key knows which one to revoke.
The other 32 (190 bits) are the secret. The checksum lets a mistyped key be refused without asking
the database, and lets scanners tell a leaked key from a word that looks like one.
"""

import re
import string
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

PREFIX = "sk-ks-"
ID_LENGTH = 8
MAX_DAYS = 3650
MAX_TEXT = 255
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = ID_LENGTH + 32
_CHECKSUM_LENGTH = 6
_KEY = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from. `models` is what the key is limited to; None: not limited.

    `groups` and `is_admin` are its owner's.
    """

    key_id: str
    user: str
    models: frozenset[str] | None
    groups: frozenset[str] = frozenset()
    is_admin: bool = False


def new_key(random: Callable[[int], int]) -> str:
    """A new key; `random(n)` gives a number in [0, n), as `secrets.randbelow` does."""
    letters = (_ALPHABET[random(len(_ALPHABET))] for _ in range(_RANDOM_LENGTH))
    body = PREFIX + "".join(letters)
    return body + _checksum(body)


def has_valid_form(key: str) -> bool:
    """Whether this could be a key of ours at all: cheap, and safe for text of any length."""
    if not _KEY.fullmatch(key):
        return False
    return key.endswith(_checksum(key[:-_CHECKSUM_LENGTH]))


def key_id(key: str) -> str:
    """The public id within a key of valid form."""
    return key[len(PREFIX) :][:ID_LENGTH]


def masked(key: str) -> str:
    """What may be shown of a key: its id if it is one, of anything else nothing."""
    return f"{PREFIX}{key_id(key)}…" if has_valid_form(key) else "…"


def check_key(user: str, name: str, days: int, models: Collection[str] | None) -> None:
    """Raises ValueError, in words, for what no key can be made of."""
    for what, text in (("a user", user), ("a name", name)):
        if not text.isprintable() or len(text) > MAX_TEXT or text != text.strip():
            raise ValueError(f"{what} is at most {MAX_TEXT} printable characters: {text[:80]!r}")
    if not user:
        raise ValueError("a key needs a user")
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"a key lives from 1 to {MAX_DAYS} days, not {days}")
    if models is not None and not all(models):
        raise ValueError("the name of a model is not empty")
    if models is not None and not models:
        raise ValueError("a key that is limited to no model is of no use")


def life_days(asked: int | None, ttl_days: int, *, is_service: bool) -> int:
    """How long a key is to live when `asked` is asked for; None: as long as API_KEY_TTL_DAYS.

    Raises ValueError when a person's key is to live longer than that: only a service's may.
    """
    if asked is None:
        return ttl_days
    if asked > ttl_days and not is_service:
        raise ValueError(
            f"a person's key lives at most {ttl_days} days (API_KEY_TTL_DAYS), not {asked}; "
            "a service's may live longer"
        )
    return asked


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode("ascii"))
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
