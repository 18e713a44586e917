"""From a user name and a password to an account."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Never

from web.audit.recorder import Recorder
from web.errors import LoginRefused, LoginUnavailable
from web.identity.account_store import AccountStore
from web.identity.accounts import DIRECTORY, Account, AccountDisabled, AccountExists, Source
from web.identity.directory import Denial, Directory, DirectoryUnavailable, Vouched
from web.identity.directory.local import LocalDirectory
from web.identity.directory.names import password_bytes, typed
from web.identity.throttle import Throttle

# A refusal comes no sooner, whatever it is for: longer than a password takes to be judged.
LEAST_REFUSAL_S = 0.5

log = logging.getLogger(__name__)


class Login:
    """One per process. What was typed is written down only when it is the name of somebody known:
    it might be a password in the wrong field."""

    def __init__(
        self,
        directory: Directory,
        local: LocalDirectory,
        accounts: AccountStore,
        throttle: Throttle,
        recorder: Recorder,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._directory = directory
        self._local = local
        self._accounts = accounts
        self._throttle = throttle
        self._recorder = recorder
        self._clock = clock
        self._monotonic = monotonic
        self._pause = pause

    def attempt(self, user: object, password: object, origin: str) -> Account:
        """Raises LoginRefused, LoginThrottled, LoginUnavailable, or StorageError.

        An account with a password of its own (`kscope users create`) goes by that whatever LOGIN
        says: so an administrator gets in while the directory is away.
        """
        began_s, name = self._monotonic(), typed(user)
        self._throttle.begin(name, origin)
        if name is None or not isinstance(password, str) or password_bytes(password) is None:
            self._refuse(None, "not a user name and a password", origin, began_s)
        known = self._known(name)
        directory = self._directory_of(known)
        try:
            answer = directory.check(name if known is None else known.name, password)
        except DirectoryUnavailable as error:
            self._throttle.take_back(name, origin)
            log.warning("nobody can log in: %s", error)
            raise LoginUnavailable from error
        if isinstance(answer, Denial):
            self._deny(answer, known, directory, origin, began_s)
        return self._admit(answer, directory, name, origin, began_s)

    def _known(self, name: str) -> Account | None:
        return self._accounts.find(name) or self._accounts.find(name.lower())

    def _directory_of(self, account: Account | None) -> Directory:
        if account is not None and account.source is Source.LOCAL:
            return self._local
        return self._directory

    def _deny(
        self,
        denial: Denial,
        known: Account | None,
        directory: Directory,
        origin: str,
        began_s: float,
    ) -> Never:
        gone = denial in (Denial.UNKNOWN, Denial.DISABLED)
        if gone and known and known.source is directory.source is not Source.LOCAL:
            self._disable(known)
        self._refuse(known.name if known else None, denial.value, origin, began_s)

    def _disable(self, account: Account) -> None:
        """The directory has said so, if only because somebody tried to log in."""
        if not account.is_disabled:
            now = self._clock()
            self._accounts.disable(account.name, DIRECTORY, now)
            self._recorder.record(DIRECTORY, "", "user.disable", account.name, {}, now)

    def _admit(
        self, vouched: Vouched, directory: Directory, name: str, origin: str, began_s: float
    ) -> Account:
        now = self._clock()
        try:
            account = self._account(vouched, directory, now)
        except AccountDisabled:
            self._refuse(vouched.name, "disabled here", origin, began_s)
        except AccountExists as error:
            log.warning("%s may not log in: %s", vouched.name, error)
            self._refuse(vouched.name, "the name is another's", origin, began_s)
        self._accounts.note_login(account.name, now)
        self._recorder.record(account.name, origin, "login", account.name, {}, now)
        self._throttle.succeed(name, origin)
        return account

    def _account(self, vouched: Vouched, directory: Directory, now: datetime) -> Account:
        if directory.source is not Source.LOCAL:
            return self._accounts.vouch(vouched.name, vouched.groups, now, directory.source)
        account = self._accounts.find(vouched.name)
        if account is None or account.is_disabled:
            raise AccountDisabled(vouched.name)
        return account

    def _refuse(self, name: str | None, reason: str, origin: str, began_s: float) -> Never:
        now = self._clock()
        self._recorder.record(name or "", origin, "login.failed", name or "", {"why": reason}, now)
        left_s = LEAST_REFUSAL_S - (self._monotonic() - began_s)
        if left_s > 0:
            self._pause(left_s)
        raise LoginRefused
