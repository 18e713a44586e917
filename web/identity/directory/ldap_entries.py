"""Filters to ask an LDAP directory with, and what its entries mean. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from web.identity.directory.names import account_name, group_name

_HARMLESS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@ ")
_ACCOUNT_DISABLED = 0x2  # of userAccountControl: ADS_UF_ACCOUNTDISABLE
_NEVER_EXPIRES = (0, 0x7FFFFFFFFFFFFFFF)  # of accountExpires
_LOCKED_FOR_GOOD = "000001010000Z"  # of pwdAccountLockedTime: draft-behera-ldap-password-policy
_1601 = datetime(1601, 1, 1, tzinfo=UTC)
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE = re.compile(r"\{(\w+)\}")
_FIRST_VALUE = re.compile(r"[^=]+=\s*((?:\\.|[^,+\\])*)")
_ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2}|.)")

# 389 and FreeIPA, Active Directory (two), POSIX, OpenLDAP's ppolicy, eDirectory.
DISABLING = (
    "nsAccountLock",
    "userAccountControl",
    "accountExpires",
    "shadowExpire",
    "pwdAccountLockedTime",
    "loginDisabled",
)


@dataclass(frozen=True, slots=True)
class Entry:
    dn: str
    # By attribute name in lower case. What is no UTF-8 is left out.
    values: Mapping[str, tuple[str, ...]]

    def all(self, attribute: str) -> tuple[str, ...]:
        return self.values.get(attribute.lower(), ())


def entry_of(dn: str, raw: Mapping[str, object]) -> Entry:
    """raw: attribute -> list of bytes, whatever a server sent for it."""
    values: dict[str, tuple[str, ...]] = {}
    for attribute, given in raw.items():
        texts = (_text(each) for each in given) if isinstance(given, list | tuple) else ()
        values[attribute.lower()] = tuple(text for text in texts if text is not None)
    return Entry(dn, values)


def _text(value: object) -> str | None:
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None


def filled(template: str, **values: str) -> str:
    """A filter with values in its {places}, each of them a value and nothing else (RFC 4515, 3)."""
    return _PLACE.sub(lambda place: escaped(values[place[1]]), template)


def escaped(value: str) -> str:
    return "".join(chr(b) if b in _HARMLESS else f"\\{b:02x}" for b in value.encode())


def name_in(entry: Entry, attribute: str) -> str | None:
    """The account's name; None when the entry has none or several."""
    names = {account_name(value) for value in entry.all(attribute)}
    return names.pop() if len(names) == 1 else None


def is_disabled(entry: Entry, now: datetime) -> bool:
    """Whether the directory says that this user may not log in, in any of the usual ways."""
    said = {attribute.lower(): _one(entry, attribute) for attribute in DISABLING}
    control, expires = _number(said["useraccountcontrol"]), _number(said["accountexpires"])
    shadow_days = _number(said["shadowexpire"])
    return (
        said["nsaccountlock"].lower() == "true"
        or said["logindisabled"].lower() == "true"
        or said["pwdaccountlockedtime"] == _LOCKED_FOR_GOOD
        or bool(control is not None and control & _ACCOUNT_DISABLED)
        # `chage -E 0` is how accounts are locked at once; a negative number means never.
        or (shadow_days is not None and 0 <= shadow_days <= (now - _1970).days)
        or (
            expires is not None
            and expires not in _NEVER_EXPIRES
            and expires // 10 <= (now - _1601) // timedelta(microseconds=1)
        )
    )


def _one(entry: Entry, attribute: str) -> str:
    values = entry.all(attribute)
    return values[0].strip() if values else ""


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else None


def group_of(dn: str, base: str | None) -> str | None:
    """The name in a group's DN; None for a group outside `base` or without a sane name."""
    if base is not None and not _is_below(_normal(dn), _normal(base)):
        return None
    found = _FIRST_VALUE.match(dn)
    return group_name(_unescaped(found[1])) if found else None


def _is_below(dn: str, base: str) -> bool:
    # A comma behind a backslash is part of a name.
    return dn.endswith("," + base) and not dn.removesuffix("," + base).endswith("\\")


def _normal(dn: str) -> str:
    return re.sub(r"\s*([,=+])\s*", r"\1", dn.strip().lower())


def _unescaped(value: str) -> str:
    """RFC 4514, 2.4."""

    def plain(match: re.Match[bytes]) -> bytes:
        return bytes.fromhex(match[1].decode()) if len(match[1]) == 2 else match[1]

    return _ESCAPED.sub(plain, value.encode()).decode(errors="replace").strip()
