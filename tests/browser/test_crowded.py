"""A large site in a browser: 500 models, 10,000 keys, 2,500 users, and a name without an end."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
import yaml
from playwright.sync_api import expect

from bench.pages.filling import (
    KEYS,
    MODELS,
    USERS,
    catalog,
    fill_sqlite,
    model_name,
    user_name,
)
from bench.usage_report.filling import KEY_COLUMNS
from tests.browser.looks import faults
from tests.browser.world import ADMIN, PASSWORD, USER, add_user
from tests.gateway_process import Gateway
from web.clock import utc_now
from web.config import Settings
from web.database import Database
from web.usage.lines import Batch, Line, LineKey
from web.usage.store import UsageStore

OWN_KEYS = 120
# What no name of a person, key or model may do to a page: as long as each may be, and unbroken.
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
# Each has to show what page it is, and no more than a page.
PAGES = (
    ("user, crowded home", "/", USER),
    ("user, crowded models", "/models", USER),
    ("user, crowded models found", "/models?q=model-07", USER),
    ("user, crowded keys", "/keys", USER),
    ("user, crowded key new", "/keys/new", USER),
    ("user, crowded use it", "/use", USER),
    ("user, crowded playground", "/playground", USER),
    ("user, crowded usage", "/usage", USER),
    ("admin, crowded usage of everybody", "/usage/everybody", ADMIN),
    ("admin, crowded users", "/admin/users", ADMIN),
    ("admin, crowded keys", "/admin/keys", ADMIN),
    ("admin, crowded audit", "/admin/audit", ADMIN),
    ("admin, crowded instances", "/admin/instances?show=all", ADMIN),
)
# 25 models a page on the page of instances, each with its last three.
MOST_ROWS = 75


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("crowded"), yaml.safe_load(catalog())["models"])
    gateway.data_dir.mkdir()
    database = Database(Settings.from_env(gateway.env).database_url)
    database.migrate()
    _fill(gateway)
    UsageStore(database).add("tests", Batch(1, tuple(_usage(utc_now()))), utc_now())
    database.close()
    try:
        gateway.start()
        add_user(gateway, ADMIN, "--admin", "--groups", "physics")
        add_user(gateway, USER)
        yield gateway
    finally:
        gateway.kill9()
        print(gateway.log_tail())


def _fill(gateway: Gateway) -> None:
    now = utc_now()
    path = Settings.from_env(gateway.env).database_url.removeprefix("sqlite:///")
    fill_sqlite(path, 1000, now)
    at, later = (f"{year}-01-01 00:00:00.000000" for year in (now.year, now.year + 2))
    own = [(f"o{n:07}", f"own{n:061}", 1, USER, LONG[:255] if n == 0 else f"notebook {n}",
            at, later, False) for n in range(OWN_KEYS)]  # fmt: skip
    with closing(sqlite3.connect(path)) as connection, connection:
        # Jobs of another cluster, which this gateway would look for.
        connection.execute("DELETE FROM instances WHERE state = 'ready'")
        _insert(connection, "api_keys", KEY_COLUMNS, own)


def _insert(connection, table, columns, rows):
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    connection.executemany(sql, rows)


def _usage(now):
    """Of the last ten days: everybody's of every model, and much of one user's."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    for n in range(6000):
        user = USER if n % 2 else user_name(n % USERS)
        at = hour - timedelta(hours=n % 240)
        line = Line(n % 97 + 1, n % 3, n % 5, n * 311, 0, n * 97, 40, n * 1.7)
        yield LineKey(at, f"k{n % KEYS:07}", model_name(n % MODELS), user), line


@pytest.fixture
def visit(crowded, new_visitor):
    def make(name):
        visitor = new_visitor(crowded.base_url)
        visitor.log_in(name, PASSWORD)
        return visitor

    return make


@pytest.mark.parametrize(("name", "path", "who"), PAGES, ids=[name for name, *_ in PAGES])
def test_a_page_of_much_is_still_a_page(visit, name, path, who):
    visitor = visit(who)
    page = visitor.go(path)

    assert page.locator("tbody tr:visible").count() <= MOST_ROWS
    # What differs from the same page with little on it is its length, not its colours.
    assert faults(visitor, name, is_long=True) == {}


def test_what_there_is_in_all_is_said_and_the_rest_is_found_page_by_page(visit):
    page = visit(ADMIN).go("/admin/keys")
    pager = page.get_by_role("navigation", name="Further pages")
    expect(pager).to_contain_text(f"{KEYS + OWN_KEYS:,} in all")
    pager.get_by_role("link", name="Next").click()
    expect(pager).to_contain_text("Page 2 of")
    page.goto("/admin/users")
    expect(pager).to_contain_text(f"{USERS + 2:,} in all")
    page.goto("/models")
    expect(page.get_by_text(f"{MODELS} models")).to_be_visible()


def test_a_model_is_found_by_a_part_of_its_name(visit):
    page = visit(USER).go("/models")
    page.get_by_role("searchbox").fill("model-123")
    page.get_by_role("button", name="Search").click()

    expect(page.get_by_role("row").filter(has_text="lab-4/model-123")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
