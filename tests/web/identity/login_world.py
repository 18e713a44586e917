"""A `Login` over a real database, with a clock to turn and a directory to script or a real one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.accounts import Source
from web.identity.directory import Denial, Directory, DirectoryUnavailable, Vouched
from web.identity.directory.local import LocalDirectory
from web.identity.login import Login
from web.identity.throttle import Throttle
from web.identity.throttle_store import FailureStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ORIGIN = "192.0.2.7"


@dataclass
class Records:
    """What would stand in the audit log."""

    rows: list[tuple[str, str, str, str, dict[str, object]]] = field(default_factory=list)

    def record(
        self,
        actor: str,
        origin: str,
        action: str,
        subject: str,
        detail: Mapping[str, object],
        now: datetime,
    ) -> None:
        self.rows.append((actor, origin, action, subject, dict(detail)))

    def actions(self) -> list[tuple[str, str]]:
        return [(action, subject) for _, _, action, subject, _ in self.rows]


@dataclass
class ScriptedDirectory:
    """Users by name -> (password, what it says of them)."""

    users: dict[str, tuple[str, Vouched | Denial]] = field(default_factory=dict)
    source: Source = Source.LDAP
    is_away: bool = False
    asked: list[str] = field(default_factory=list)

    def check(self, user: str, password: str) -> Vouched | Denial:
        self.asked.append(user)
        answer = self._answer(user)
        if isinstance(answer, Vouched) and self.users[user.lower()][0] != password:
            return Denial.WRONG_PASSWORD
        return answer

    def lookup_each(self, users: Iterable[str]) -> Iterator[tuple[str, Vouched | Denial]]:
        for user in users:
            self.asked.append(user)
            yield user, self._answer(user)

    def _answer(self, user: str) -> Vouched | Denial:
        if self.is_away:
            raise DirectoryUnavailable("away")
        return self.users.get(user.lower(), ("", Denial.UNKNOWN))[1]

    def has(self, name: str, password: str = "right", groups: Iterable[str] | None = None) -> None:
        known = Vouched(name, None if groups is None else frozenset(groups))
        self.users[name] = (password, known)


class World:
    def __init__(self, database: Database, directory: Directory | None = None) -> None:
        self.seconds = 0.0
        self.accounts = AccountStore(database)
        self.records = Records()
        self.scripted = ScriptedDirectory()
        self.paused_s: list[float] = []
        local = LocalDirectory(self.accounts)
        self.login = Login(
            directory or self.scripted,
            local,
            self.accounts,
            Throttle(FailureStore(database), str, self.now),
            self.records,
            self.now,
            self.monotonic,
            self.paused_s.append,
        )

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)
