"""The settings of who vouches for people: local accounts, an LDAP directory or an htpasswd file."""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from web.config_values import PATH, Kind, Values, choice, env, whole

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,63}")
_COMPARED = re.compile(r"\(([A-Za-z][A-Za-z0-9.-]{0,63})=\{username\}\)")
_DN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\s*=.{1,1000}")
# Not written out in config.example.env: a shell that sources it would stumble over them.
_USER_FILTER = "(uid={username})"
_GROUP_FILTER = "(|(member={dn})(uniqueMember={dn})(memberUid={username}))"
_PLACES = re.compile(r"\{(username|dn)\}")


class LoginKind(enum.Enum):
    LOCAL = "local"
    LDAP = "ldap"
    HTPASSWD = "htpasswd"


def _ldap_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or parts.port == 0:
        raise ValueError(text)
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc or " " in text:
        raise ValueError(text)
    return text.rstrip("/")


def _whole_text(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(text)
    return text


def _filter(text: str) -> str:
    depths = [0]
    for character in text:
        depths.append(depths[-1] + {"(": 1, ")": -1}.get(character, 0))
    whole = text.startswith("(") and depths[-1] == 0 and 0 not in depths[1:-1]
    if not whole or not _PLACES.search(text) or set("{}") & set(_PLACES.sub("", text)):
        raise ValueError(text)
    return text


def _user_filter(text: str) -> str:
    if not _COMPARED.search(text) or "{dn}" in text:
        raise ValueError(text)
    return _filter(text)


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


LDAP_URL = Kind(_ldap_url, "an ldap:// or ldaps:// URL of a host and nothing else",
                "ldaps://ldap.cluster.example")  # fmt: skip
DN = Kind(lambda text: _whole_text(_DN, text), "a distinguished name",
          "ou=people,dc=cluster,dc=example")  # fmt: skip
ATTRIBUTE = Kind(lambda text: _whole_text(_ATTRIBUTE, text), "an LDAP attribute's name", "uid")
USER_FILTER = Kind(_user_filter, "an LDAP filter that compares an attribute with {username}",
                   "(uid={username})")  # fmt: skip
GROUP_FILTER = Kind(_filter, "an LDAP filter with {dn} or {username} in it", "(member={dn})")
YES_OR_NO = Kind(_yes_or_no, "true or false", "true")


def _default_start_tls(values: Values) -> bool:
    return (values["ldap_url"] or "").startswith("ldap:")


def _default_username_attribute(values: Values) -> str:
    found = _COMPARED.search(values["ldap_user_filter"])
    return found[1] if found else "uid"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """A part of `web.config.Settings`."""

    # fmt: off
    login: LoginKind = field(metadata=env("LOGIN", choice(LoginKind), "local",
        "Who knows the passwords: local (accounts made by kscope users), ldap or htpasswd."))
    ldap_url: str | None = field(metadata=env("LDAP_URL", LDAP_URL, "",
        "The directory: ldap://HOST[:PORT] or ldaps://HOST[:PORT]; required with LOGIN=ldap."))
    ldap_start_tls: bool = field(metadata=env("LDAP_START_TLS", YES_OR_NO,
        "true with ldap://, false with ldaps://",
        "Whether ldap:// is encrypted before anything is sent; false sends passwords in clear.",
        _default_start_tls))
    ldap_ca_file: Path | None = field(metadata=env("LDAP_CA_FILE", PATH, "",
        "Certificates (PEM) that the directory's must come from; empty: those of this host."))
    ldap_bind_dn: str | None = field(metadata=env("LDAP_BIND_DN", DN, "",
        "Who looks users up in the directory; empty: nobody in particular (anonymous)."))
    ldap_bind_password_file: Path | None = field(metadata=env("LDAP_BIND_PASSWORD_FILE", PATH, "",
        "A file (0600) with the password of LDAP_BIND_DN; required with it."))
    ldap_user_search_base: str | None = field(metadata=env("LDAP_USER_SEARCH_BASE", DN, "",
        "Where users stand in the directory; required with LOGIN=ldap."))
    ldap_user_filter: str = field(metadata=env("LDAP_USER_FILTER", USER_FILTER, _USER_FILTER,
        "What finds exactly one user there by the name that was typed (quote it in a shell).",
        lambda _: _USER_FILTER))
    ldap_username_attribute: str = field(metadata=env("LDAP_USERNAME_ATTRIBUTE", ATTRIBUTE,
        "the first that LDAP_USER_FILTER compares with {username}",
        "The attribute whose value, in lower case, is the name of the account.",
        _default_username_attribute))
    ldap_member_of_attribute: str | None = field(metadata=env(
        "LDAP_MEMBER_OF_ATTRIBUTE", ATTRIBUTE, "",
        "The users' attribute with the DNs of their groups, e.g. memberOf; empty: not read."))
    ldap_group_search_base: str | None = field(metadata=env("LDAP_GROUP_SEARCH_BASE", DN, "",
        "Where groups are searched for; without it and the above, kscope users sets the groups."))
    ldap_group_filter: str = field(metadata=env("LDAP_GROUP_FILTER", GROUP_FILTER, _GROUP_FILTER,
        "What finds the groups of a user there (quote it in a shell).", lambda _: _GROUP_FILTER))
    ldap_group_name_attribute: str = field(metadata=env("LDAP_GROUP_NAME_ATTRIBUTE", ATTRIBUTE,
        "cn", "The attribute whose value is the name of a group."))
    htpasswd_file: Path | None = field(metadata=env("HTPASSWD_FILE", PATH, "",
        "Users with bcrypt, sha512-crypt, sha256-crypt or apr1 passwords; required with "
        "LOGIN=htpasswd."))
    trusted_proxies: int = field(metadata=env("TRUSTED_PROXIES", whole(0, 10), "0",
        "How many proxies of yours stand in front, each adding to X-Forwarded-For; 0: none."))
    session_hours: int = field(metadata=env("SESSION_HOURS", whole(1, 720), "12",
        "Hours after which a browser has to log in again, however busy; idle, after two."))
    # fmt: on


def login_faults(values: Values, is_set: Values) -> Iterator[str]:
    """What is missing or too much, given all values; `is_set`: variable -> whether it was set."""
    if values["login"] is LoginKind.LDAP:
        yield from _missing("LOGIN=ldap", is_set, LDAP_URL=LDAP_URL, LDAP_USER_SEARCH_BASE=DN)
    if values["login"] is LoginKind.HTPASSWD:
        path = Kind(PATH.parse, PATH.wanted, "/etc/kscope/htpasswd")
        yield from _missing("LOGIN=htpasswd", is_set, HTPASSWD_FILE=path)
    password_file = Kind(PATH.parse, PATH.wanted, "/etc/kscope/ldap-password")
    if is_set["LDAP_BIND_DN"]:
        yield from _missing("LDAP_BIND_DN", is_set, LDAP_BIND_PASSWORD_FILE=password_file)
    if is_set["LDAP_BIND_PASSWORD_FILE"]:
        yield from _missing("LDAP_BIND_PASSWORD_FILE", is_set, LDAP_BIND_DN=DN)
    if values["ldap_start_tls"] and (values["ldap_url"] or "").startswith("ldaps:"):
        yield "LDAP_START_TLS: ldaps:// is encrypted from the start; leave it out, or use ldap://"


def _missing(because: str, is_set: Values, **wanted: Kind) -> Iterator[str]:
    for name, kind in wanted.items():
        if not is_set[name]:
            yield (f"{name}: not set, but {because} needs it; wanted is {kind.wanted}, "
                   f"e.g. {name}={kind.example}")  # fmt: skip
