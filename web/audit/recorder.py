"""What others write into the audit log through."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol


class Recorder(Protocol):
    """`web.audit.store.AuditLog`, or a stand-in of tests."""

    def record(
        self,
        actor: str,
        origin: str,
        action: str,
        subject: str,
        detail: Mapping[str, object],
        now: datetime,
    ) -> None:
        """The columns of `web.audit.models`. Raises StorageError: what must be recorded and cannot
        be does not happen."""
