"""One account, one name, however it is typed; and what may be sent as a password. Pure."""

import contextlib
import unicodedata

from web.identity.accounts import MAX_NAME, check_name

# Far above what anybody types, far below what would keep a directory busy.
MAX_PASSWORD = 1024


def typed(user: object) -> str | None:
    """What was typed as a user name if a directory may be asked for it, else None.

    Directories ignore what cannot be seen, and fold what looks alike, each in its own way: so only
    names in their plainest form get that far.
    """
    if not isinstance(user, str) or len(user) > MAX_NAME:
        return None
    with contextlib.suppress(ValueError):
        return check_name(user.strip(" "))
    return None


def account_name(value: str) -> str | None:
    """The account's name for a directory's value; None if no account can have it."""
    with contextlib.suppress(ValueError):
        return check_name(" ".join(unicodedata.normalize("NFKC", value).lower().split()))
    return None


def group_name(value: str) -> str | None:
    with contextlib.suppress(ValueError):
        return check_name(unicodedata.normalize("NFKC", value).strip())
    return None


def password_bytes(password: object) -> bytes | None:
    """The password as it is sent, never empty; None for what must not be sent.

    An LDAP bind with an empty password succeeds for every name (RFC 4513, 5.1.2), and a server
    that prepares what it gets (RFC 4013) makes an empty one of invisible characters.
    """
    if not isinstance(password, str) or not 0 < len(password) <= MAX_PASSWORD:
        return None
    if "\0" in password or not any(character.isprintable() for character in password):
        return None
    try:
        return password.encode()
    except UnicodeEncodeError:
        return None
