"""Which core measures and which is measured."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """proxy: of what is under test, all its processes. load: of generators and the upstream.

    Both are None on a machine with a single core: its figures say little.
    """

    proxy: int | None
    load: int | None

    def pin(self, argv: list[str], core: int | None) -> list[str]:
        return argv if core is None else ["taskset", "--cpu-list", str(core), *argv]


def choose_cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[-1]) if len(allowed) > 1 else Cores(None, None)
