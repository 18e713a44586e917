"""`python -m bench.usage`: how long `kscope usage` takes over a million rows of 10,000 keys.

On SQLite and on a PostgreSQL of its own, both in a temporary folder. Each question is asked by the
command as users run it, its start included; the median of ROUNDS counts. In brackets is the
processor's time of the command itself: on a busy machine that is nearer to what a free one takes.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from tests.postgres import running_postgres
from web.database import Database

ROWS, KEYS, USERS, MODELS, HOURS = 1_000_000, 10_000, 2_500, 8, 8_760
FIRST_HOUR = 1_767_225_600 // 3600  # 2026-01-01, UTC
ROUNDS = 5
QUESTIONS = (
    ("--by", "month"),
    ("--by", "user,model", "--since", "2026-11-01", "--until", "2026-12-01"),
    ("--by", "user", "--since", "2026-11-01"),
    ("--by", "month,model"),
    ("--by", "day", "--since", "2026-11-01"),
    ("--by", "month,user", "--user", "user-00042"),
    ("--by", "user,model"),
    ("--by", "key"),
    ("--by", "month,user,model", "--json"),
)
_NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
    f"WHERE i < {ROWS - 1}) SELECT i FROM n) AS n",
    "postgresql": f"generate_series(0::bigint, {ROWS - 1}) AS n(i)",
}
# Each hour has rows of other keys, 7919 apart, so no row is there twice.
_FILL = f"""
INSERT INTO usage_hours (hour, key_id, model, user_name, requests, errors, aborted, prompt_tokens,
    cached_tokens, completion_tokens, estimated_tokens, duration_s)
SELECT {FIRST_HOUR} + i * {HOURS} / {ROWS},
    'key' || substr(cast(100000 + i * 7919 % {KEYS} AS text), 2),
    'organisation/model-' || cast(i % {MODELS} AS text) || '-instruct',
    'user-' || substr(cast(100000 + i * 7919 % {KEYS} % {USERS} AS text), 2),
    i % 97, i % 2, i % 3, i * 31 % 1000003, i * 17 % 1009, i * 13 % 100003, i % 11, i % 89 * 0.25
FROM """


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.usage")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        for name, url in (("sqlite", f"sqlite:///{folder}/usage.db"), ("postgresql", server.url)):
            with filled(name, url):
                print(f"{name}: {ROWS:,} rows, {KEYS:,} keys")
                for question in QUESTIONS:
                    took = [asked(url, folder, question) for _ in range(rounds)]
                    wall_s, own_s = (statistics.median(each) for each in zip(*took, strict=True))
                    words = " ".join(question)
                    print(f"  {wall_s:5.2f} s ({own_s:.2f})  kscope usage {words}", flush=True)


@contextmanager
def filled(kind: str, url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        database.migrate()
        with database.write() as session:
            session.execute(text(_FILL + _NUMBERS[kind]))
        with database.write() as session:
            session.execute(text("ANALYZE"))
        yield database
    finally:
        database.close()


def asked(url: str, folder: str, question: tuple[str, ...]) -> tuple[float, float]:
    """Seconds from the start of the command to its end, and of a processor for it."""
    environ = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(Path(folder) / "data")}
    started, used = time.perf_counter(), _used_s()
    argv = [sys.executable, "-m", "web.cli", "usage", "--utc", *question]
    subprocess.run(argv, env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started, _used_s() - used


def _used_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
