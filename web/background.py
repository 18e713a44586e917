"""What a gateway worker does beside answering: keep its outlook fresh, write down what it saw."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from web.demand.notebook import DemandNotebook
from web.fleet.outlook import Outlook
from web.identity.authenticator import Authenticator

LAST_USED_INTERVAL_S = 10.0


@dataclass(slots=True)
class Background:
    outlook: Outlook
    notebook: DemandNotebook
    authenticator: Authenticator
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """The first outlook is there before the first request; the rest runs beside them."""
        self.outlook.refresh()
        for run in (self.outlook.run, self.notebook.run, self._note_last_used):
            threading.Thread(target=run, daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        self.outlook.stop()
        self.notebook.stop()
        self.authenticator.write_last_used()

    def _note_last_used(self) -> None:
        every(LAST_USED_INTERVAL_S, self.authenticator.write_last_used, self._stop)


def every(interval_s: float, action: Callable[[], None], stop: threading.Event) -> None:
    while not stop.wait(interval_s):
        action()
