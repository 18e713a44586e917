"""`python -m bench.pages`: what each page of the portal takes, over a million rows of usage, ten
thousand keys and 500 models. Prints a table and one line of JSON; exits with 1 when a
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
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from bench.pages.addresses import addresses, is_file
from bench.pages.filling import (
    BUSIEST,
    KEYS,
    MODELS,
    catalog,
    fill_postgresql,
    fill_sqlite,
    user_name,
    vacuum_postgresql,
)
from tests.postgres import running_postgres
from tests.web.migrating import upgrade
from web.app import create_app
from web.clock import utc_now
from web.config import Settings
from web.database import Database
from web.identity.browser import SESSION_COOKIE
from web.identity.session_store import SessionStore
from web.identity.sessions import Sessions
from web.secrets import Secrets

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
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kscope-pages-")))
        url = f"sqlite:///{folder}/kscope.db"
        if options.postgresql:
            url = stack.enter_context(running_postgres()).url
        told = measure(folder, url, options.rows)
    print("\n".join(_table([Figure(**each) for each in told["pages"]])))
    print(json.dumps(told))
    return 1 if told["slow"] or told["wrong"] else 0


def measure(folder: Path, url: str, rows: int) -> dict[str, Any]:
    """An empty database is filled, and every page asked for."""
    migrating_s = _fill(url, rows)
    (folder / "models.yaml").write_text(catalog())
    settings = Settings.from_env(
        {
            "DATA_DIR": str(folder),
            "MODELS_FILE": str(folder / "models.yaml"),
            "DATABASE_URL": url,
        }
    )
    app = create_app(settings)
    app.extensions["kscope"].outlook.refresh()
    with closing(Database(url)) as database:
        store = SessionStore(database)
        sessions = Sessions(store, Secrets(folder), utc_now, timedelta(hours=1))
        tokens = {who: sessions.begin(name) for who, name in PEOPLE.items()}
    figures = list(_measured(app, tokens))
    return {
        "database": url.partition(":")[0].partition("+")[0],
        "rows": rows,
        "keys": KEYS,
        "models": MODELS,
        "load": os.getloadavg()[0],
        "migrating_s": round(migrating_s, 1),
        "bound_ms": BOUND_MS,
        "pages": [asdict(each) for each in figures],
        "slow": [f"{each.who}: {each.address}" for each in figures if each.is_slow],
        "wrong": [f"{each.who}: {each.address}" for each in figures if each.status != 200],
    }


def _fill(url: str, rows: int) -> float:
    """How many seconds the migration of so much takes."""
    is_sqlite = url.startswith("sqlite")
    with closing(Database(url)) as database:
        upgrade(database, BEFORE_SUMS)
        if is_sqlite:
            fill_sqlite(url.removeprefix("sqlite:///"), rows, utc_now())
        else:
            fill_postgresql(url, rows, utc_now())
        began = time.perf_counter()
        database.migrate()
        taken = time.perf_counter() - began
    if not is_sqlite:
        vacuum_postgresql(url)
    return taken


def _measured(app: Flask, tokens: Mapping[str, str]) -> Iterator[Figure]:
    """tokens: who -> that of their session."""
    for who, token in tokens.items():
        client = app.test_client()
        client.set_cookie(SESSION_COOKIE, token)
        for address in addresses(app, who == "admin"):
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
