"""Users of an LDAP directory: found by a search, proven by a bind as what was found."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from web.config import Settings
from web.identity.accounts import Source
from web.identity.directory import Denial, Vouched
from web.identity.directory.ldap_entries import (
    DISABLING,
    Entry,
    filled,
    group_of,
    is_disabled,
    name_in,
)
from web.identity.directory.ldap_wire import Wire, connected
from web.identity.directory.names import group_name, password_bytes

log = logging.getLogger(__name__)


class LdapDirectory:
    """A connection for each login, and one for all of a look-up."""

    source = Source.LDAP

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        wanted = (settings.ldap_username_attribute, settings.ldap_member_of_attribute, *DISABLING)
        self._attributes = [attribute for attribute in wanted if attribute]

    def check(self, user: str, password: str) -> Vouched | Denial:
        secret = password_bytes(password)
        if not user or secret is None:
            return Denial.WRONG_PASSWORD
        with connected(self._settings) as wire:
            found = self._find(wire, user)
            if isinstance(found, Denial):
                return found
            vouched = self._vouch(wire, found)
            denied = wire.bind(found.dn, secret) if isinstance(vouched, Vouched) else None
            return denied or vouched

    def lookup_each(self, users: Iterable[str]) -> Iterator[tuple[str, Vouched | Denial]]:
        with connected(self._settings) as wire:
            for user in users:
                yield user, self._look_up(wire, user)

    def _look_up(self, wire: Wire, user: str) -> Vouched | Denial:
        found = self._find(wire, user)
        vouched = found if isinstance(found, Denial) else self._vouch(wire, found)
        if isinstance(vouched, Vouched) and vouched.name != user:
            return Denial.UNKNOWN  # found by a mail address, or the like, that reads the same
        return vouched

    def _find(self, wire: Wire, user: str) -> Entry | Denial:
        settings = self._settings
        entries = wire.search(
            settings.ldap_user_search_base or "",
            filled(settings.ldap_user_filter, username=user),
            self._attributes,
            most=2,
        )
        if len(entries) == 1:
            return entries[0]
        if entries:
            log.warning("LDAP_USER_FILTER finds more than one user for %r: nobody", user)
        return Denial.AMBIGUOUS if entries else Denial.UNKNOWN

    def _vouch(self, wire: Wire, entry: Entry) -> Vouched | Denial:
        attribute = self._settings.ldap_username_attribute
        name = name_in(entry, attribute)
        if name is None:
            log.warning("%s has not one usable %s: nobody", entry.dn, attribute)
            return Denial.AMBIGUOUS
        if is_disabled(entry, self._clock()):
            return Denial.DISABLED
        return Vouched(name, self._groups(wire, entry))

    def _groups(self, wire: Wire, entry: Entry) -> frozenset[str] | None:
        settings = self._settings
        if not (settings.ldap_member_of_attribute or settings.ldap_group_search_base):
            return None
        dns = entry.all(settings.ldap_member_of_attribute or "")
        names = {group_of(dn, settings.ldap_group_search_base) for dn in dns}
        if settings.ldap_group_search_base:
            user = entry.all(settings.ldap_username_attribute)[0]
            wanted = settings.ldap_group_name_attribute
            search = filled(settings.ldap_group_filter, dn=entry.dn, username=user)
            for group in wire.search(settings.ldap_group_search_base, search, [wanted]):
                names |= {group_name(value) for value in group.all(wanted)}
        return frozenset(name for name in names if name is not None)
