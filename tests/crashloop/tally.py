"""What came of all the crashes, and what is printed of it."""

import json
from collections import Counter
from dataclasses import dataclass, field

from tests.crashloop.comparing import Difference
from web.failpoints import NAMES


@dataclass(slots=True)
class Tally:
    """Filled by all lanes."""

    wanted_loops: int
    loops: int = 0
    failpoints: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(NAMES, 0)))
    orphans: list[str] = field(default_factory=list)
    twins: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, failpoint: str) -> None:
        """A crash that came about, whatever became of it."""
        self.loops += 1
        self.failpoints[failpoint] += 1

    def differ(self, what: str, difference: Difference) -> None:
        self.disagreements.append(what)
        self.orphans += difference.orphans
        self.twins += difference.twins
        self.lost += difference.lost

    @property
    def is_good(self) -> bool:
        found = self.orphans or self.twins or self.lost or self.disagreements
        return not found and self.loops == self.wanted_loops

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(
            {
                "loops": self.loops,
                "failpoints": dict(self.failpoints),
                "orphans": len(self.orphans),
                "twins": len(self.twins),
                "lost": len(self.lost),
                "seconds": round(self.seconds, 1),
                "disagreements": self.disagreements,
            },
            ensure_ascii=False,
        )
