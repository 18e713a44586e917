"""A year of a large site: a million rows of usage, ten thousand keys, 500 models."""

import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import yaml

from bench.usage_report.filling import (
    COLUMNS,
    INSTANCE_COLUMNS,
    KEY_COLUMNS,
    USER_COLUMNS,
)

KEYS, USERS, MODELS, AUDITED = 10_000, 2_500, 500, 100_000
DAYS = 365
# Jobs that are over, and instances that run: 100 of the models have one.
PAST_A_DAY, LIVE = 60, 100
PLACE_COLUMNS = ("node", "port", "running_since", "ready_at")
TELEMETRY_COLUMNS = ("instance_id", "at", "running", "waiting", "kv_cache_usage")
SAMPLES, SAMPLE_S = 360, 10
AUDIT_COLUMNS = ("at", "actor", "origin", "action", "subject", "detail")
# One user keeps a program busy with this many models in each hour: the most that a page of one
# user has to read.
BUSIEST, BUSY_MODELS = 0, 20
Row = tuple[int | str | float | None, ...]
Table = tuple[str, tuple[str, ...], Iterable[Row]]


def catalog() -> str:
    """models.yaml; every tenth model is for one group only."""
    models = [
        {"name": model_name(n), "path": "/models/none", "gpus": 1, "max_instances": 2}
        | ({"groups": ["physics"]} if n % 10 == 9 else {})
        for n in range(MODELS)
    ]
    return yaml.safe_dump({"models": models})


def model_name(number: int) -> str:
    return f"lab-{number % 7}/model-{number:03}"


def user_name(number: int) -> str:
    return f"user{number:05}"


def fill_sqlite(path: str, number: int, now: datetime) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, columns, values in _tables(number, now):
            marks = ", ".join("?" * len(columns))
            names = f"{table} ({', '.join(columns)})"
            connection.executemany(f"INSERT INTO {names} VALUES ({marks})", values)


def fill_postgresql(url: str, number: int, now: datetime) -> None:
    """`url` as SQLAlchemy writes it."""
    plain = url.replace("+psycopg", "")
    with psycopg.connect(plain) as connection, connection.cursor() as cursor:
        for table, columns, values in _tables(number, now):
            names = f"{table} ({', '.join(columns)})"
            with cursor.copy(f"COPY {names} FROM STDIN".encode()) as copy:
                for row in values:
                    copy.write_row(row)


def vacuum_postgresql(url: str) -> None:
    """What autovacuum does within minutes of any such change."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _tables(number: int, now: datetime) -> Iterator[Table]:
    at, later = _told(now - timedelta(days=DAYS)), _told(now + timedelta(days=60))
    yield (
        "users",
        USER_COLUMNS,
        ((user_name(n), "ldap", n == 1, '["physics"]', at, "") for n in range(USERS)),
    )
    yield "api_keys", KEY_COLUMNS, (_key(n, at, later) for n in range(KEYS))
    yield "usage_hours", COLUMNS, _usage(number, now)
    yield "instances", (*INSTANCE_COLUMNS, *PLACE_COLUMNS), _instances(now)
    yield "telemetry", TELEMETRY_COLUMNS, _telemetry(now)
    yield "audit", AUDIT_COLUMNS, _audit(now)


def _key(number: int, at: str, later: str) -> Row:
    owner = user_name(number % USERS)
    return (f"k{number:07}", f"{number:064}", 1, owner, f"laptop {number}", at, later, False)


def _usage(number: int, now: datetime) -> Iterator[Row]:
    """In the order in which a gateway writes them: hour by hour."""
    chance = random.Random(6)
    end = int(now.timestamp()) // 3600 + 1
    begin = end - DAYS * 24
    a_hour = -(-number // (end - begin))
    for index, hour in enumerate(range(begin, end)):
        wanted = max(0, min(a_hour, number - index * a_hour))
        pairs = {(BUSIEST, n) for n in range(min(BUSY_MODELS, wanted))}
        while len(pairs) < wanted:
            # Few keys do much, and few models are asked for much.
            key = int(KEYS * chance.random() ** 2)
            pairs.add((key, (key * 7 + int(MODELS * chance.random() ** 3)) % MODELS))
        for key, model in sorted(pairs):
            yield _used(hour, key, model, chance)


def _used(hour: int, key: int, model: int, chance: random.Random) -> Row:
    requests = chance.randint(1, 500)
    counts = (requests, requests // 50, requests // 70, requests * 900, 0, requests * 300, 40)
    names = (f"k{key:07}", model_name(model), user_name(key % USERS))
    return (hour, *names, *counts, requests * 1.7)


def _instances(now: datetime) -> Iterator[Row]:
    chance = random.Random(7)
    for number in range(DAYS * PAST_A_DAY):
        begin = now - timedelta(days=1 + number / PAST_A_DAY)
        end = begin + timedelta(hours=chance.uniform(0.2, 12))
        yield _instance(f"p{number:09}", chance.randrange(MODELS), "stopped", begin, end)
    for number in range(LIVE):
        yield _instance(f"i{number:09}", number * 5, "ready", now - timedelta(hours=2), None)


def _instance(id_: str, model: int, state: str, begin: datetime, end: datetime | None) -> Row:
    began, ended = _told(begin), _told(end) if end is not None else None
    job = str(int(id_[1:]) + (10**6 if end is None else 0))
    return (
        id_, model_name(model), "slurm", state, "", 1, began, began, job, "", "", 0, job,
        0, 0, 3, 0, 0.1, False, "", 1, began, ended, ended, "gpu7", 20_000, began, began,
    )  # fmt: skip


def _telemetry(now: datetime) -> Iterator[Row]:
    for number in range(LIVE):
        for sample in range(SAMPLES):
            at = _told(now - timedelta(seconds=SAMPLE_S * (SAMPLES - sample)))
            yield (f"i{number:09}", at, sample % 9, 0, 0.3)


def _audit(now: datetime) -> Iterator[Row]:
    actions = ("key.create", "key.revoke", "login", "login.failed", "instance.launch")
    for number in range(AUDITED):
        at = _told(now - timedelta(minutes=AUDITED - number))
        actor = user_name(number % USERS)
        yield (at, actor, "127.0.0.1", actions[number % len(actions)], f"s{number}", "{}")


def _told(moment: datetime) -> str:
    """As SQLAlchemy keeps it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
