"""Users whose passwords are kept here, made by `kscope users`."""

import secrets
from collections.abc import Iterable, Iterator
from functools import cached_property

from web.identity.account_store import AccountStore
from web.identity.accounts import Source
from web.identity.directory import Beside, Denial, Vouched, at_once
from web.identity.passwords import hash_password, is_password


class LocalDirectory:
    """Raises StorageError, not DirectoryUnavailable: its directory is the database."""

    source = Source.LOCAL

    def __init__(self, accounts: AccountStore, beside: Beside = at_once) -> None:
        self._accounts = accounts
        self._beside = beside

    def check(self, user: str, password: str) -> Vouched | Denial:
        kept = self._accounts.password_hash(user)
        # An unknown user takes as long as a known one.
        right = self._beside(lambda: is_password(kept or self._nobodys, password))
        if kept is None:
            return Denial.UNKNOWN
        return Vouched(user) if right else Denial.WRONG_PASSWORD

    def lookup_each(self, users: Iterable[str]) -> Iterator[tuple[str, Vouched | Denial]]:
        for user in users:
            known = self._accounts.password_hash(user) is not None
            yield user, Vouched(user) if known else Denial.UNKNOWN

    @cached_property
    def _nobodys(self) -> str:
        return hash_password(secrets.token_urlsafe())
