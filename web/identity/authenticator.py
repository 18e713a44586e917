"""From an Authorization header to who asks.

Look-ups are kept in memory. They hold as long as the version of the keys does, which is read at
most once a second: so a revoked key is refused within a second in every process, and a thousand
requests cost one query. What is kept of a key is its SHA-256, never the key.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from web.database import StorageError, why
from web.errors import DatabaseUnavailable, InvalidKey, MissingKey
from web.identity.keys import Principal, has_valid_form
from web.identity.store import KeyRecord, KeyStore

VERSION_AGE_S = 0.9
# A row changed by hand raises no version: it is seen after this.
ENTRY_AGE_S = 30.0
MAX_KNOWN = 10_000
MAX_UNKNOWN = 1_000

_log = logging.getLogger(__name__)


class Authenticator:
    """One per process, for all its requests."""

    def __init__(
        self,
        store: KeyStore,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._records = _Records(store, monotonic)
        self._used_at: dict[str, datetime] = {}

    def authenticate(self, authorization_header: str | None) -> Principal:
        """Raises MissingKey, InvalidKey, or DatabaseUnavailable: never an empty identity."""
        key = bearer_token(authorization_header)
        if not has_valid_form(key):
            raise InvalidKey
        record = self._records.find(key)
        now = self._clock()
        principal = record.principal_at(now) if record is not None else None
        if principal is None:
            raise InvalidKey
        self._used_at[principal.key_id] = now
        return principal

    def write_last_used(self) -> None:
        """Write down which keys were used since the last call.

        For a background loop, not for a request: it may wait for the database. A failure is
        logged, and made good by the next use.
        """
        used_at, self._used_at = self._used_at, {}
        if not used_at:
            return
        try:
            self._store.touch(used_at)
        except StorageError as error:
            _log.warning("when keys were last used could not be written: %s", why(error))


def bearer_token(header: str | None) -> str:
    """The token of `Bearer <token>`: one space, nothing around. Raises MissingKey, InvalidKey."""
    if header is None or header.strip().lower() in ("", "bearer"):
        raise MissingKey
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidKey
    return token


@dataclass(frozen=True, slots=True)
class _Entry:
    record: KeyRecord | None
    version: int
    read_at: float


class _Records:
    """Records by key, from memory where the keys' version still allows it."""

    def __init__(self, store: KeyStore, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._version = 0
        self._checked_at: float | None = None
        self._failed_at: float | None = None
        # Apart, so that guesses never push out the keys of those who work.
        self._known: dict[bytes, _Entry] = {}
        self._unknown: dict[bytes, _Entry] = {}

    def find(self, key: str) -> KeyRecord | None:
        # Taken before the look-up: a revocation in between then makes the entry void.
        version, now = self._current_version(), self._monotonic()
        digest = hashlib.sha256(key.encode()).digest()
        entry = self._known.get(digest) or self._unknown.get(digest)
        if entry and entry.version == version and now - entry.read_at < ENTRY_AGE_S:
            return entry.record
        record = self._store.find(key)
        self._keep(digest, _Entry(record, version, now))
        return record

    def _current_version(self) -> int:
        if self._is_recent(self._checked_at):
            return self._version
        with self._lock:
            if self._is_recent(self._checked_at):
                return self._version
            # Those who waited here for a failing database do not each wait for it once more.
            if self._is_recent(self._failed_at):
                raise DatabaseUnavailable
            asked_at = self._monotonic()
            try:
                self._version = self._store.version()
            except StorageError as error:
                self._failed_at = self._monotonic()
                raise DatabaseUnavailable from error
            self._checked_at = asked_at
            return self._version

    def _is_recent(self, at: float | None) -> bool:
        return at is not None and self._monotonic() - at < VERSION_AGE_S

    def _keep(self, digest: bytes, entry: _Entry) -> None:
        self._known.pop(digest, None)
        self._unknown.pop(digest, None)
        entries, bound = (
            (self._unknown, MAX_UNKNOWN) if entry.record is None else (self._known, MAX_KNOWN)
        )
        while len(entries) >= bound:
            entries.pop(next(iter(entries)), None)
        entries[digest] = entry
