"""What a gateway worker does beside answering: keep its outlook fresh, write down what it saw."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from web.demand.notebook import DemandNotebook
from web.fleet.outlook import INTERVAL_S as OUTLOOK_INTERVAL_S
from web.fleet.outlook import Outlook
from web.identity.authenticator import Authenticator
from web.limits.limiting import Limiting
from web.openai_proxy.attendance import INTERVAL_S as ATTENDANCE_INTERVAL_S
from web.openai_proxy.attendance import Attendance
from web.responses.book import FLUSH_INTERVAL_S as BOOK_INTERVAL_S
from web.responses.book import ResponseBook
from web.usage.ledger import FLUSH_INTERVAL_S as LEDGER_INTERVAL_S
from web.usage.ledger import Ledger

log = logging.getLogger(__name__)

LAST_USED_INTERVAL_S = 10.0


@dataclass(slots=True)
class Background:
    outlook: Outlook
    notebook: DemandNotebook
    authenticator: Authenticator
    attendance: Attendance
    book: ResponseBook
    ledger: Ledger
    limiting: Limiting
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """The first outlook and the limits are there before the first request; the rest runs
        beside them."""
        self.outlook.refresh()
        self.limiting.board.refresh()
        for interval_s, action in (
            (OUTLOOK_INTERVAL_S, self.outlook.refresh),
            (ATTENDANCE_INTERVAL_S, self.attendance.refresh),
            (BOOK_INTERVAL_S, self.book.flush),
            (LEDGER_INTERVAL_S, self.ledger.flush),
            (LAST_USED_INTERVAL_S, self.authenticator.write_last_used),
            *self.limiting.jobs,
        ):
            threading.Thread(
                target=every, args=(interval_s, action, self._stop), daemon=True
            ).start()
        threading.Thread(target=self.notebook.run, daemon=True).start()

    def stop(self) -> None:
        """Called when the last request has ended: what is written down now is all there is."""
        self._stop.set()
        self.ledger.close()
        self.notebook.stop()
        self.book.flush()
        self.authenticator.write_last_used()


def every(interval_s: float, action: Callable[[], None], stop: threading.Event) -> None:
    """Repeat until stopped. A fault of one round is logged, and the next one comes."""
    while not stop.wait(interval_s):
        try:
            action()
        except Exception:
            log.exception("%s failed, next try in %s s", action.__qualname__, interval_s)
