"""What the accounts say was used, by the subjects of limits."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from web.aside import Aside
from web.limits.rules import Scope
from web.usage.lines import Question
from web.usage.periods import By
from web.usage.store import UsageStore

_SCOPES = {By.KEY: Scope.KEY, By.USER: Scope.USER, By.MODEL: Scope.MODEL}
GpuHours = Callable[[datetime, datetime | None], Mapping[str, float]]
"""Since, until -> GPU-hours by subject."""


def no_gpu_hours(_since: datetime, _until: datetime | None) -> Mapping[str, float]:
    """Of a gateway that does not know whose GPU-hours they are."""
    return {}


class UsageAccounts:
    """`Accounts` of `web.limits.spending`, read from the usage that is written down, while the
    streams go on. The store's connections are used by nobody else (see `Aside`)."""

    def __init__(self, store: UsageStore, aside: Aside, gpu_hours: GpuHours = no_gpu_hours) -> None:
        self._store = store
        self._aside = aside
        self._gpu_hours = gpu_hours

    def tokens(self, since: datetime, until: datetime | None) -> Mapping[str, int]:
        return self._aside.do(lambda: self._tokens(since, until))

    def gpu_hours(self, since: datetime, until: datetime | None) -> Mapping[str, float]:
        return self._aside.do(lambda: self._gpu_hours(since, until))

    def _tokens(self, since: datetime, until: datetime | None) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for by, scope in _SCOPES.items():
            for sums in self._store.sums([by], Question(since, until), UTC):
                line = sums.line
                found[f"{scope}:{sums.names[0]}"] = line.prompt_tokens + line.completion_tokens
        return found
