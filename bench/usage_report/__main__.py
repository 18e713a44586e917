"""`python -m bench.usage_report`: a million rows, both databases; what the command and its query
take. Prints one line of JSON."""

import argparse
import json
import os
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
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="kscope-usage-") as folder:
        figures = {"sqlite": _on_sqlite(Path(folder), rows)}
    with (
        tempfile.TemporaryDirectory(prefix="kscope-usage-") as folder,
        running_postgres() as server,
    ):
        figures["postgresql"] = _measured(
            Path(folder),
            server.url,
            lambda: fill_postgresql(server.url, rows),
        )
    slow = [name for name, found in figures.items() if found["command_s"] > BOUND_S]
    told = {"rows": rows, "keys": KEYS, "load": os.getloadavg()[0], **figures}
    print(json.dumps({**told, "slow": slow}))
    return 1 if slow else 0


def _on_sqlite(folder: Path, rows: int) -> Figures:
    path = folder / "usage.db"
    return _measured(
        folder,
        f"sqlite:///{path}",
        lambda: fill_sqlite(str(path), rows),
    )


def _measured(folder: Path, url: str, fill: Callable[[], None]) -> Figures:
    """command_s: the median of what `kscope usage --by user,model` takes from start to end."""
    env = environment(DATA_DIR=str(folder), DATABASE_URL=url, MODELS_FILE=str(folder / "none"))
    with closing(Database(url)) as database:
        database.migrate()
        fill()
        store = UsageStore(database)
        queries = {by: _median(partial(_ask, store, database, by)) for by in QUESTIONS}
    argv = [sys.executable, "-m", "web.cli", "usage", "--utc", "--by", "user,model", "--json"]
    for name, value in MONTH.items():
        argv += [f"--{name}", value]
    command_s = _median(lambda: _run(argv, env))
    bare_s = _median(lambda: _run([sys.executable, "-m", "web.cli", "usage", "--help"], env))
    return {"command_s": command_s, "of_that_starting_s": bare_s, "query_s": queries}


def _ask(store: UsageStore, database: Database, by: str) -> None:
    wanted, question = Asked(by=by, **MONTH).read(database.clock()(), UTC)
    found = store.sums(wanted, question, UTC)
    if not found:
        raise SystemExit("bench: nothing was found")


def _run(argv: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(argv)}: {done.stderr}")


def _median(action: Callable[[], None]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken), 3)


if __name__ == "__main__":
    sys.exit(main())
