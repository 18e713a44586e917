"""Users as administrators see them, and what an administrator may not do to themselves. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from web.identity.accounts import DIRECTORY, Account, Source

_SOURCES = {
    Source.LOCAL: "password kept here",
    Source.LDAP: "directory (LDAP)",
    Source.HTPASSWD: "password file (htpasswd)",
    Source.CLI: "nobody yet: cannot log in",
}


@dataclass(frozen=True, slots=True)
class UserLine:
    """`may_end`: whether the one who looks may disable them or take their right away."""

    name: str
    source: str
    groups: tuple[str, ...]
    is_admin: bool
    is_disabled: bool
    disabled_at: datetime | None
    disabled_by: str
    created_at: datetime
    last_login_at: datetime | None
    synced_at: datetime | None
    has_password: bool
    # A directory sets the groups again at each login.
    groups_are_lent: bool
    is_self: bool

    @property
    def may_end(self) -> bool:
        return not self.is_self


def user_line(account: Account, viewer: str) -> UserLine:
    return UserLine(
        name=account.name,
        source=_SOURCES[account.source],
        groups=tuple(sorted(account.groups)),
        is_admin=account.is_admin,
        is_disabled=account.is_disabled,
        disabled_at=account.disabled_at,
        disabled_by=_by(account.disabled_by),
        created_at=account.created_at,
        last_login_at=account.last_login_at,
        synced_at=account.synced_at,
        has_password=account.source is Source.LOCAL,
        groups_are_lent=account.source is Source.LDAP,
        is_self=account.name == viewer,
    )


def _by(who: str) -> str:
    return "the directory, which no longer has them" if who == DIRECTORY else who


def groups_of(text: str) -> tuple[str, ...]:
    """Groups as they are typed, separated by commas."""
    return tuple(dict.fromkeys(word for each in text.split(",") if (word := each.strip())))


def refusal(deed: str, name: str, viewer: str) -> str:
    """Why an administrator may not do this to the account; empty when they may.

    Nobody ends their own right: so the last administrator never does, by accident or otherwise.
    """
    if name != viewer or deed not in ("disable", "end_admin"):
        return ""
    what = "disable your own account" if deed == "disable" else "take away your own right"
    return f"You cannot {what}: nobody might be left who can undo it. Ask another administrator."


def named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no group"
