"""Months of usage, as large as is asked for, put in by the drivers themselves."""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime

import psycopg

KEYS, USERS, MODELS = 10_000, 2_500, 20
MODELS_OF_A_KEY = 3
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
HOURS = 31 * 24
COLUMNS = (
    "hour", "key_id", "model", "user_name", "requests", "errors", "aborted", "prompt_tokens",
    "cached_tokens", "completion_tokens", "estimated_tokens", "duration_s",
)  # fmt: skip
KEY_COLUMNS = (
    "id", "key_hash", "pepper_version", "user_name", "name", "created_at", "expires_at",
    "is_service",
)  # fmt: skip
USER_COLUMNS = ("name", "source", "is_admin", "group_names", "created_at", "disabled_by")
INSTANCE_COLUMNS = (
    "id", "model", "cluster", "state", "detail", "secret_version", "created_at", "state_since",
    "job_id", "slurm_state", "slurm_reason", "missing_listings", "claimed_by", "restart_count",
    "sequence", "running", "waiting", "kv_cache_usage", "terminal", "fingerprint", "gpus",
    "allocated_at", "released_at", "ended_at",
)  # fmt: skip
Row = tuple[int | str | float, ...]


def rows(number: int, months: int) -> Iterator[Row]:
    """`number` within so many months, the last of which is October 2026, UTC."""
    end = int(BEGIN.timestamp()) // 3600 + HOURS
    return _rows(number, end - months * HOURS, end, random.Random(6))


def _rows(number: int, begin: int, end: int, chance: random.Random) -> Iterator[Row]:
    """In the order in which a gateway writes them: hour by hour."""
    a_hour = -(-number // (end - begin))
    for index, hour in enumerate(range(begin, end)):
        wanted = min(a_hour, number - index * a_hour)
        for pair in chance.sample(range(KEYS * MODELS_OF_A_KEY), max(wanted, 0)):
            yield _row(hour, *divmod(pair, MODELS_OF_A_KEY), chance)


def _row(hour: int, key: int, nth: int, chance: random.Random) -> Row:
    model = f"model-{(key * 7 + nth) % MODELS:02}"
    requests = chance.randint(1, 500)
    counts = (requests, requests // 50, requests // 70, requests * 900, 0, requests * 300, 40)
    return (hour, f"k{key:07}", model, f"user{key % USERS:05}", *counts, requests * 1.7)


def tables(number: int, months: int) -> tuple[tuple[str, tuple[str, ...], Iterable[Row]], ...]:
    """(name, columns, rows) of all that is put in: owners, their keys, the usage, and an
    instance of each model that had a GPU for all of October."""
    at, later = "2026-09-01 00:00:00.000000", "2027-09-01 00:00:00.000000"
    owners = ((f"user{n:05}", "ldap", False, "[]", at, "") for n in range(USERS))
    keys = (
        (f"k{n:07}", f"{n:064}", 1, f"user{n % USERS:05}", "", at, later, False)
        for n in range(KEYS)
    )
    begin, end = "2026-10-01 00:00:00.000000", "2026-11-01 00:00:00.000000"
    instances = (
        (f"i{n:09}", f"model-{n:02}", "slurm", "stopped", "", 1, begin, end, str(n), "", "", 0, "0",
         0, 0, 0, 0, 0.0, False, "", 1, begin, end, end)
        for n in range(MODELS)
    )  # fmt: skip
    return (
        ("users", USER_COLUMNS, owners),
        ("api_keys", KEY_COLUMNS, keys),
        ("usage_hours", COLUMNS, rows(number, months)),
        ("instances", INSTANCE_COLUMNS, instances),
    )


def fill_sqlite(path: str, number: int, months: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, columns, values in tables(number, months):
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {_into(table, columns)} VALUES ({marks})", values)


def fill_postgresql(url: str, number: int, months: int) -> None:
    """`url` as SQLAlchemy writes it."""
    plain = url.replace("+psycopg", "")
    with psycopg.connect(plain) as connection, connection.cursor() as cursor:
        for table, columns, values in tables(number, months):
            with cursor.copy(f"COPY {_into(table, columns)} FROM STDIN".encode()) as copy:
                for row in values:
                    copy.write_row(row)
    # What autovacuum does within minutes of any such change.
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _into(table: str, columns: tuple[str, ...]) -> str:
    return f"{table} ({', '.join(columns)})"
