"""A month of usage, as large as is asked for, put in by the drivers themselves."""

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
# Some rows of the months around it, which the question is not about.
AROUND = 0.1
COLUMNS = (
    "hour", "key_id", "model", "user_name", "requests", "errors", "aborted", "prompt_tokens",
    "cached_tokens", "completion_tokens", "estimated_tokens", "duration_s",
)  # fmt: skip
KEY_COLUMNS = (
    "id", "key_hash", "pepper_version", "user_name", "name", "created_at", "expires_at",
    "is_service",
)  # fmt: skip
USER_COLUMNS = ("name", "source", "is_admin", "group_names", "created_at", "disabled_by")
Row = tuple[int | str | float, ...]


def rows(number: int) -> Iterator[Row]:
    """`number` within October 2026, UTC, and AROUND of that before and after it."""
    chance = random.Random(6)
    first = int(BEGIN.timestamp()) // 3600
    around = int(number * AROUND / 2)
    yield from _rows(around, first - 400, first, chance)
    yield from _rows(number, first, first + HOURS, chance)
    yield from _rows(around, first + HOURS, first + HOURS + 400, chance)


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


def tables(number: int) -> tuple[tuple[str, tuple[str, ...], Iterable[Row]], ...]:
    """(name, columns, rows) of all that is put in: owners, their keys, and the usage."""
    at, later = "2026-09-01 00:00:00.000000", "2027-09-01 00:00:00.000000"
    owners = ((f"user{n:05}", "ldap", False, "[]", at, "") for n in range(USERS))
    keys = (
        (f"k{n:07}", f"{n:064}", 1, f"user{n % USERS:05}", "", at, later, False)
        for n in range(KEYS)
    )
    return (
        ("users", USER_COLUMNS, owners),
        ("api_keys", KEY_COLUMNS, keys),
        ("usage_hours", COLUMNS, rows(number)),
    )


def fill_sqlite(path: str, number: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, columns, values in tables(number):
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {_into(table, columns)} VALUES ({marks})", values)


def fill_postgresql(url: str, number: int) -> None:
    """`url` as SQLAlchemy writes it."""
    plain = url.replace("+psycopg", "")
    with psycopg.connect(plain) as connection, connection.cursor() as cursor:
        for table, columns, values in tables(number):
            with cursor.copy(f"COPY {_into(table, columns)} FROM STDIN".encode()) as copy:
                for row in values:
                    copy.write_row(row)
    # What autovacuum does within minutes of any such change.
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _into(table: str, columns: tuple[str, ...]) -> str:
    return f"{table} ({', '.join(columns)})"
