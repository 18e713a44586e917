"""Who is logged in, browser by browser.

A session is a random token that only its browser has; the database has the token's keyed digest, so
that whoever reads the database is nobody. What its account is, is looked up each time: who is
disabled, or is no administrator any more, is so at the next request.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe

from web.identity.accounts import Account
from web.identity.session_store import SessionStore
from web.secrets import Secrets

# So long after the last thing that the person did; in SESSION_HOURS in any case.
IDLE = timedelta(hours=2)
# A page costs no write when the last one was written down so shortly before.
NOTED_EVERY = timedelta(minutes=1)

_PURPOSE = "session"
_TOKEN_BYTES = 32
_TOKEN = re.compile(r"[0-9A-Za-z_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser's visit. `csrf`: what its forms carry, so that they are known to be ours."""

    account: Account
    csrf: str


class Sessions:
    """Every call asks the database, and raises StorageError: without it nobody is logged in."""

    def __init__(
        self,
        store: SessionStore,
        secrets: Secrets,
        clock: Callable[[], datetime],
        lifetime: timedelta,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._lifetime = lifetime

    def begin(self, name: str) -> str:
        """The token of a new session: at each login another one, whatever the browser had."""
        token, now = token_urlsafe(_TOKEN_BYTES), self._clock()
        digest = self._secrets.digest(_PURPOSE, token)
        self._store.add(digest, name, now, self._end(now, now))
        return token

    def find(self, token: str, *, keeps_alive: bool = True) -> Visit | None:
        """None for what is no session, is over, or belongs to somebody disabled.

        keeps_alive: whether the person asks; not so a page that keeps itself up to date.
        """
        now = self._clock()
        digests = self._digests(token)
        found = self._store.find(digests, now) if digests else None
        if found is None or found.account.is_disabled or now >= found.began_at + self._lifetime:
            return None
        end = self._end(found.began_at, now)
        if keeps_alive and end - found.ends_at >= NOTED_EVERY:
            self._store.extend(found.digest, end)
        return Visit(found.account, csrf_of(token))

    def end(self, token: str) -> None:
        if digests := self._digests(token):
            self._store.end(digests)

    def end_all(self, name: str) -> None:
        """Log somebody out in all their browsers."""
        self._store.end_all(name)

    def _end(self, began_at: datetime, now: datetime) -> datetime:
        return min(began_at + self._lifetime, now + IDLE)

    def _digests(self, token: str) -> list[str]:
        """With each pepper there is; none for what no token looks like."""
        if not _TOKEN.fullmatch(token):
            return []
        return [self._secrets.digest(_PURPOSE, token, v) for v in self._secrets.versions]


def csrf_of(token: str) -> str:
    """What a page may carry to prove that it was made for this token. It does not give it away."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()
