"""`python -m bench.pages`: what each page of the portal takes, over a million rows of usage, ten
thousand keys and 500 models, on SQLite. Prints a table and one line of JSON; exits with 1 when a
page takes longer than BOUND_MS.

It is the gateway's own application, called in this process: what is measured is all that a gateway
worker does, from the request to the last byte of the answer. Files for spreadsheets are measured
too, but held to nothing: they are no pages.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from flask.testing import FlaskClient

from bench.pages.addresses import addresses, is_file
from bench.pages.filling import BUSIEST, KEYS, MODELS, catalog, fill_sqlite, user_name
from tests.web.in_process import InProcess, in_process
from tests.web.migrating import upgrade
from web.clock import utc_now
from web.database import Database
from web.identity.browser import SESSION_COOKIE

BOUND_MS = 200
ROUNDS = 5
# The revision before the one that adds usage up: what is put in before is added up by migrating.
BEFORE_SUMS = "0006"
PEOPLE = {"busiest user": user_name(BUSIEST), "user": user_name(7), "admin": user_name(1)}
HEADERS = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}


@dataclass(frozen=True, slots=True)
class Figure:
    """`ms` is the median of ROUNDS, after one that is not counted; cpu_ms: of this process."""

    who: str
    address: str
    status: int
    ms: float
    worst_ms: float
    cpu_ms: float
    kib: float

    @property
    def is_slow(self) -> bool:
        return self.ms > BOUND_MS and not is_file(self.address)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kscope-pages-") as folder:
        migrating_s = _fill(Path(folder), options.rows)
        gateway = in_process(Path(folder), catalog=catalog())
        figures = list(_measured(gateway))
        gateway.database.close()
    print("\n".join(_table(figures)))
    slow = [f"{each.who}: {each.address}" for each in figures if each.is_slow]
    wrong = [f"{each.who}: {each.address}" for each in figures if each.status != 200]
    told = {
        "rows": options.rows,
        "keys": KEYS,
        "models": MODELS,
        "load": os.getloadavg()[0],
        "migrating_s": round(migrating_s, 1),
        "bound_ms": BOUND_MS,
        "pages": [asdict(each) for each in figures],
        "slow": slow,
        "wrong": wrong,
    }
    print(json.dumps(told))
    return 1 if slow or wrong else 0


def _fill(folder: Path, rows: int) -> float:
    """How many seconds the migration of so much takes."""
    path = folder / "kscope.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database, BEFORE_SUMS)
    fill_sqlite(str(path), rows, utc_now())
    began = time.perf_counter()
    database.migrate()
    database.close()
    return time.perf_counter() - began


def _measured(gateway: InProcess) -> Iterator[Figure]:
    for who, name in PEOPLE.items():
        client = gateway.app.test_client()
        client.set_cookie(SESSION_COOKIE, gateway.session(name))
        for address in addresses(gateway.app, who == "admin"):
            yield _figure(client, who, address)


def _figure(client: FlaskClient, who: str, address: str) -> Figure:
    answer = client.get(address, headers=HEADERS, buffered=True)
    taken, cpu = [], []
    for _ in range(ROUNDS):
        began, cpu_began = time.perf_counter(), time.process_time()
        answer = client.get(address, headers=HEADERS, buffered=True)
        taken.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - cpu_began) * 1000)
    return Figure(
        who,
        address,
        answer.status_code,
        round(statistics.median(taken), 1),
        round(max(taken), 1),
        round(statistics.median(cpu), 1),
        round(len(answer.data) / 1024, 1),
    )


def _table(figures: list[Figure]) -> Iterator[str]:
    yield f"{'':12} {'ms':>7} {'worst':>7} {'cpu':>7} {'KiB':>8}"
    for each in sorted(figures, key=lambda figure: -figure.ms):
        told = "SLOW " if each.is_slow else "file " if is_file(each.address) else ""
        told += f"{each.status} " if each.status != 200 else ""
        yield (
            f"{each.who:12} {each.ms:7.1f} {each.worst_ms:7.1f} {each.cpu_ms:7.1f} "
            f"{each.kib:8.1f} {told}{each.address}"
        )


if __name__ == "__main__":
    sys.exit(main())
