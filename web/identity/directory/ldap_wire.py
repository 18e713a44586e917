"""Talking to an LDAP server: the only importer of ldap3.

Certificates are checked by Python's own rules, names included; nothing switches that off. Nothing
is sent in clear once StartTLS is wanted, referrals are not followed, and no answer is waited for
longer than TIMEOUT_S.
"""

import contextlib
import re
import ssl
import warnings
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from web.config import Settings
from web.identity.directory import Denial, DirectoryUnavailable
from web.identity.directory.ldap_entries import Entry, entry_of
from web.identity.directory.password_file import read_password

with warnings.catch_warnings():
    # ldap3 2.9.1 asks pyasn1 for names that are about to go.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ldap3
    from ldap3.core.exceptions import LDAPException

TIMEOUT_S = 5
# RFC 4511, appendix A.
SUCCESS = 0
SIZE_LIMIT_EXCEEDED = 4
# No such object, invalid DN, no password kept, wrong password, may not, will not; and what a
# policy says of a password: none of them is a fault of the server.
_DENIED = frozenset({19, 32, 34, 48, 49, 50, 53})
# Active Directory: the account is disabled, the account has expired.
_AD_DISABLED = re.compile(r"\bdata (533|701)\b")


class Wire:
    """A connection, bound as whoever looks users up."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._where = f"ldap://{connection.server.host}:{connection.server.port}"

    def search(
        self, base: str, search_filter: str, attributes: Sequence[str], most: int = 0
    ) -> list[Entry]:
        """Entries below `base`; at most `most`, 0 = all. Raises DirectoryUnavailable."""
        with _speaking(self._where):
            self._connection.search(
                base,
                search_filter,
                ldap3.SUBTREE,
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(attributes),
                size_limit=most,
                time_limit=TIMEOUT_S,
            )
        told = self._connection.result
        if told["result"] != SUCCESS and not (most and told["result"] == SIZE_LIMIT_EXCEEDED):
            raise DirectoryUnavailable(f"a search below {base} failed: {_words(told)}")
        with _speaking(self._where):
            return [
                entry_of(each["dn"], each["raw_attributes"])
                for each in self._connection.response or ()
                if each.get("type") == "searchResEntry"
            ]

    def bind(self, dn: str, password: bytes) -> Denial | None:
        """None when this is the password of that entry. From then on the connection is its."""
        if not dn or not password:
            raise ValueError("a bind without a name or a password proves nothing")
        with _speaking(self._where):
            self._connection.rebind(
                user=dn, password=password, authentication=ldap3.SIMPLE, read_server_info=False
            )
        told = self._connection.result
        if told["result"] == SUCCESS:
            return None
        if told["result"] not in _DENIED:
            raise DirectoryUnavailable(f"a password could not be checked: {_words(told)}")
        if _AD_DISABLED.search(str(told.get("message", ""))):
            return Denial.DISABLED
        return Denial.WRONG_PASSWORD


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator[Wire]:
    """A connection for as long as it is needed. Raises DirectoryUnavailable."""
    connection = _connection(settings)
    try:
        with _speaking(settings.ldap_url or ""):
            connection.open(read_server_info=False)
            if settings.ldap_start_tls:
                connection.start_tls(read_server_info=False)
            connection.bind(read_server_info=False)
        if connection.result["result"] != SUCCESS:
            who = settings.ldap_bind_dn or "anonymous look-ups"
            raise DirectoryUnavailable(f"the directory refuses {who}: {_words(connection.result)}")
        yield Wire(connection)
    finally:
        _close(connection)


@contextlib.contextmanager
def _speaking(where: str) -> Iterator[None]:
    try:
        yield
    except (LDAPException, OSError) as error:
        raise DirectoryUnavailable(f"{where}: {error}") from error
    except Exception as error:
        # ldap3 trips over an answer that is no LDAP in many ways: IndexError, TypeError and more.
        raise DirectoryUnavailable(f"{where} does not speak LDAP: {error!r:.200}") from error


def _connection(settings: Settings) -> Any:
    parts = urlsplit(settings.ldap_url or "")
    encrypted = parts.scheme == "ldaps"
    server = ldap3.Server(
        parts.hostname,
        port=parts.port or (636 if encrypted else 389),
        use_ssl=encrypted,
        tls=_CheckedTls(settings),
        get_info=ldap3.NONE,
        connect_timeout=TIMEOUT_S,
    )
    password = None
    if settings.ldap_bind_password_file is not None:
        # Read each time: a new password needs no restart.
        password = read_password(settings.ldap_bind_password_file)
    return ldap3.Connection(
        server,
        user=settings.ldap_bind_dn,
        password=password,
        authentication=ldap3.SIMPLE if settings.ldap_bind_dn else ldap3.ANONYMOUS,
        receive_timeout=TIMEOUT_S,
        auto_referrals=False,
        auto_escape=False,
        check_names=False,
        raise_exceptions=False,
        return_empty_attributes=False,
    )


class _CheckedTls(ldap3.Tls):  # type: ignore[misc]  # ldap3 ships no types
    """ldap3 compares host names by rules of its own; here OpenSSL does, during the handshake."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._ca_file = settings.ldap_ca_file

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        context = ssl.create_default_context(cafile=self._ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        connection.socket = context.wrap_socket(
            connection.socket, server_hostname=connection.server.host
        )


def _close(connection: Any) -> None:
    with contextlib.suppress(Exception):
        connection.unbind()
    # A connection that failed on the way up leaves its socket open.
    if connection.socket is not None:
        connection.socket.close()


def _words(told: dict[str, Any]) -> str:
    return ": ".join(filter(None, (str(told.get("description")), str(told.get("message") or ""))))
