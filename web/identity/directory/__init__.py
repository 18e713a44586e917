"""Who vouches for people: an LDAP directory, an htpasswd file, or the accounts kept here."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from web.identity.accounts import Source

T = TypeVar("T")


class DirectoryUnavailable(Exception):
    """It gave no answer, or none to go by: nothing is known of anybody. The words are for logs."""


class Denial(Enum):
    """Why a directory does not vouch. For logs: whoever tries to log in is not told which."""

    UNKNOWN = "unknown"
    DISABLED = "disabled"
    WRONG_PASSWORD = "wrong password"  # noqa: S105
    # It stands there twice, or under two names, or under one that no account can have.
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Vouched:
    """`name` is the account's, made of the directory's own spelling, never of what was typed."""

    name: str
    # None: the directory knows nothing of groups.
    groups: frozenset[str] | None = None


class Directory(Protocol):
    """`user` is what `names.typed` lets through, `password` what `names.password_bytes` does.

    Every method raises DirectoryUnavailable.
    """

    @property
    def source(self) -> Source: ...

    def check(self, user: str, password: str) -> Vouched | Denial: ...

    def lookup_each(self, users: Iterable[str]) -> Iterator[tuple[str, Vouched | Denial]]:
        """What it says of accounts by their names, without passwords."""
        ...


class Beside(Protocol):
    """Runs what keeps a processor busy where it holds up nobody else's requests."""

    def __call__(self, work: Callable[[], T], /) -> T: ...


def at_once(work: Callable[[], T]) -> T:
    """A `Beside` for processes that answer no requests."""
    return work()
