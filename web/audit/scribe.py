"""Writes down what one person does at one place: the commands' way into the audit log."""

import socket
from collections.abc import Callable
from datetime import datetime

from web.audit.store import AuditLog
from web.database import Database


class Scribe:
    """`note("key.revoke", key_id, user="ada")`, right after the deed."""

    def __init__(self, log: AuditLog, actor: str, origin: str, clock: Callable[[], datetime]):
        self.actor = actor
        self._log = log
        self._origin = origin
        self._clock = clock

    def __call__(self, action: str, subject: str, **detail: object) -> None:
        self._log.record(self.actor, self._origin, action, subject, detail, self._clock())


def scribe_of(database: Database, login_name: str) -> Scribe:
    """Of whoever gives commands on this host."""
    clock = database.clock()
    return Scribe(AuditLog(database), f"cli:{login_name}", socket.gethostname(), clock)
