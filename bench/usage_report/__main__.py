"""`python -m bench.usage_report`: a million rows, both databases; what the command and its query
take. Prints one line of JSON."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

from bench.processes import environment
from bench.usage_report.filling import KEYS, fill_postgresql, fill_sqlite
from tests.postgres import running_postgres
from web.database import Database
from web.usage.asking import Asked
from web.usage.store import UsageStore

BOUND_S = 1.0
ROUNDS = 5
MONTH = {"since": "2026-10", "until": "2026-11"}
QUESTIONS = ("user,model", "user", "model", "key", "month,user,model", "day,model")
Figures = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.usage_report", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--months", type=int, default=12, help="in which they are; default: 12")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kscope-usage-") as folder:
        figures = {"sqlite": _on_sqlite(Path(folder), options)}
    with (
        tempfile.TemporaryDirectory(prefix="kscope-usage-") as folder,
        running_postgres() as server,
    ):
        figures["postgresql"] = _measured(
            Path(folder),
            server.url,
            lambda: fill_postgresql(server.url, options.rows, options.months),
        )
    slow = [name for name, found in figures.items() if found["command_s"] > BOUND_S]
    told = {
        "rows": options.rows,
        "months": options.months,
        "keys": KEYS,
        "load": os.getloadavg()[0],
        **figures,
    }
    print(json.dumps({**told, "slow": slow}))
    return 1 if slow else 0


def _on_sqlite(folder: Path, options: argparse.Namespace) -> Figures:
    path = folder / "usage.db"
    return _measured(
        folder,
        f"sqlite:///{path}",
        lambda: fill_sqlite(str(path), options.rows, options.months),
    )


def _measured(folder: Path, url: str, fill: Callable[[], None]) -> Figures:
    """command_s: what `kscope usage --by user,model` takes for a month, from start to end.

    Of each, the median of ROUNDS; command_cpu_s is what it computed itself, on however busy a
    machine. A database server's part is in neither.
    """
    env = environment(DATA_DIR=str(folder), DATABASE_URL=url, MODELS_FILE=str(folder / "none"))
    with closing(Database(url)) as database:
        database.migrate()
        fill()
        store = UsageStore(database)
        queries = {by: _median(partial(_ask, store, database, by)) for by in QUESTIONS}
    argv = [sys.executable, "-m", "web.cli", "usage", "--utc", "--by", "user,model", "--json"]
    for name, value in MONTH.items():
        argv += [f"--{name}", value]
    cpu_before = _cpu_of_children()
    command_s = _median(lambda: _run(argv, env))
    cpu_s = round((_cpu_of_children() - cpu_before) / ROUNDS, 3)
    bare_s = _median(lambda: _run([sys.executable, "-m", "web.cli", "usage", "--help"], env))
    return {
        "command_s": command_s,
        "command_cpu_s": cpu_s,
        "of_that_starting_s": bare_s,
        "query_s": queries,
    }


def _ask(store: UsageStore, database: Database, by: str) -> None:
    wanted, question = Asked(by=by, **MONTH).read(database.clock()(), UTC)
    found = store.sums(wanted, question, UTC)
    if not found:
        raise SystemExit("bench: nothing was found")


def _run(argv: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(argv)}: {done.stderr}")


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _median(action: Callable[[], None]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken), 3)


if __name__ == "__main__":
    sys.exit(main())
