"""Once an hour a directory is asked about everybody who owns a key or is logged in: who is gone,
loses them and is logged out.

It runs in the fleet process, in a thread of its own, and only where that holds the fleet's lock: so
one host asks, however many run the gateway. Unknown is not gone: nobody is disabled by a directory
that does not answer, nor by one that has suddenly lost a good part of all users.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from web.database import StorageError, why
from web.identity.accounts import Source
from web.identity.directory import Denial, Directory, DirectoryUnavailable, Vouched
from web.identity.sync_store import Asked, SyncStore
from web.lock.store import LostLock

INTERVAL = timedelta(hours=1)
WAKE_S = 10.0
# After a failure; each try of a directory that is away takes seconds and a line in the log.
RETRY_S = 60.0
# A directory that lost so many at once is taken for a fault of it, or of its settings.
MOST_GONE_SHARE = 0.25
MOST_GONE_LEAST = 10

log = logging.getLogger(__name__)


class TooManyGone(DirectoryUnavailable):
    """More users are gone than can be believed; nobody was disabled."""


@dataclass(frozen=True, slots=True)
class Synced:
    asked: int
    disabled: tuple[str, ...]
    enabled: tuple[str, ...]
    # What the directory could not tell of: as they were.
    unclear: tuple[str, ...]


class Sync:
    def __init__(
        self,
        directory: Directory,
        store: SyncStore,
        clock: Callable[[], datetime],
        origin: str,
    ) -> None:
        """origin: this host, for the audit log."""
        self._directory = directory
        self._store = store
        self._clock = clock
        self._origin = origin

    @property
    def is_needed(self) -> bool:
        """Accounts whose passwords are kept here are nobody else's to vouch for."""
        return self._directory.source is not Source.LOCAL

    def is_due(self) -> bool:
        """Whether anybody was last asked about an hour ago."""
        return self._store.is_due(self._directory.source, self._clock(), INTERVAL)

    def once(self, *, believe_all: bool = False) -> Synced:
        """Ask about everybody. Raises DirectoryUnavailable, TooManyGone unless `believe_all`."""
        source, now = self._directory.source, self._clock()
        accounts = self._store.to_ask(source, now)
        if not accounts:
            return Synced(0, (), (), ())
        # All of it before anything is changed: half an answer is none.
        answers = dict(self._directory.lookup_each([each.name for each in accounts]))
        vouched = {name: a.groups for name, a in answers.items() if isinstance(a, Vouched)}
        gone = [n for n, a in answers.items() if a in (Denial.UNKNOWN, Denial.DISABLED)]
        if not believe_all:
            _believe(accounts, gone)
        disabled, enabled = self._store.note(source, vouched, gone, now, self._origin)
        self._store.note_asked(source, list(answers), now)
        unclear = tuple(name for name, answer in answers.items() if answer is Denial.AMBIGUOUS)
        return Synced(len(accounts), tuple(disabled), tuple(enabled), unclear)


def _believe(accounts: list[Asked], gone: list[str]) -> None:
    enabled = {each.name for each in accounts if not each.is_disabled}
    lost = len(enabled.intersection(gone))
    if lost > max(MOST_GONE_LEAST, MOST_GONE_SHARE * len(enabled)):
        raise TooManyGone(
            f"it no longer has {lost} of {len(enabled)} users with keys or sessions, which is hard "
            "to believe: see its settings, or say `kscope users sync --believe`"
        )


def run(sync: Sync, leads: Callable[[], bool], stop: threading.Event) -> None:
    """Sync when it is due, until `stop` is set. A failure is told, and tried again later."""
    if not sync.is_needed:
        return
    pause_s = WAKE_S
    while not stop.wait(pause_s):
        pause_s = RETRY_S
        try:
            if leads() and sync.is_due():
                _tell(sync.once())
            pause_s = WAKE_S
        except DirectoryUnavailable as error:
            log.warning("nobody was disabled or enabled by the directory: %s", error)
        except LostLock as lost:
            log.warning("the sync with the directory was not finished: %s", lost)
        except StorageError as error:
            log.warning("no sync with the directory without the database: %s", why(error))
        except Exception:
            log.exception("the sync with the directory failed")


def _tell(synced: Synced) -> None:
    log.info("the directory was asked about %s users", synced.asked)
    if synced.disabled:
        log.warning("no longer in the directory, their keys are void: %s", _few(synced.disabled))
    if synced.enabled:
        log.info("back in the directory, their keys work again: %s", _few(synced.enabled))
    if synced.unclear:
        log.warning("the directory has them in an unclear way: %s", _few(synced.unclear))


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
