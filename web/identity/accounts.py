"""Who may own keys and log in. Pure."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_NAME = 255
# Who disabled an account that its directory no longer vouches for; the directory may enable it
# again. What a person disabled, only a person enables.
DIRECTORY = "directory"


class Source(StrEnum):
    """Who knows the password. CLI: nobody yet; a directory may adopt the account."""

    LOCAL = "local"
    LDAP = "ldap"
    HTPASSWD = "htpasswd"
    CLI = "cli"


class NoSuchAccount(Exception):
    """No account has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no user {name!r}")


class AccountExists(ValueError):
    """The name is taken, or cannot be told from one that is."""


class AccountDisabled(ValueError):
    """What was asked for needs an account that is not disabled."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the user {name!r} is disabled")


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    source: Source
    is_admin: bool
    groups: frozenset[str]
    created_at: datetime
    disabled_at: datetime | None
    # An administrator's name, `cli:<login name>`, or DIRECTORY; empty when not disabled.
    disabled_by: str
    last_login_at: datetime | None
    # When its directory last answered for it, by a login or a sync.
    synced_at: datetime | None

    @property
    def is_disabled(self) -> bool:
        return self.disabled_at is not None


def check_name(name: str, what: str = "the name of a user") -> str:
    """`name` itself. Raises ValueError for what could pass for another name, or for none."""
    if not name:
        raise ValueError(f"{what} is not empty")
    if len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
        raise ValueError(f"{what} is at most {MAX_NAME} printable characters: {name[:80]!r}")
    # Full-width letters, ligatures and the like: another name that reads the same.
    if unicodedata.normalize("NFKC", name) != name:
        raise ValueError(f"{what} is spelled in its plainest form: {name[:80]!r}")
    return name


def check_groups(groups: Iterable[str]) -> frozenset[str]:
    """The names of groups as a set. Raises ValueError for junk."""
    return frozenset(check_name(group, "the name of a group") for group in groups)
