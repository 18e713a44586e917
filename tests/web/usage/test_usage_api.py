"""`/api/usage` and the document that describes it: who sees what, and that both say the same."""

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.gateway_process import REPOSITORY
from tests.openapi import faults, resolve
from web import app as app_module
from web.app import create_app
from web.config import Settings
from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.store import KeyStore
from web.portal import parts
from web.secrets import Secrets
from web.usage import routes
from web.usage.lines import Batch, Line, LineKey
from web.usage.store import UsageStore

NOW = datetime.now(UTC)
HOUR = NOW.replace(minute=0, second=0, microsecond=0)
DAY = HOUR.strftime("%Y-%m-%d")
ROWS = (
    (LineKey(HOUR, "key-a", "big", "alice"), Line(2, 0, 0, 30, 4, 5, 0, 1.0)),
    (LineKey(HOUR, "key-b", "big", "bob"), Line(3, 1, 1, 70, 0, 6, 9, 6.0)),
    (LineKey(HOUR - timedelta(days=40), "key-b", "small", "bob"), Line(requests=5)),
)


class World:
    """A gateway's application over `database`, and a key each for a user and an administrator."""

    def __init__(self, database, folder):
        folder.joinpath("models.yaml").write_text("models: []\n")
        environ = {
            "DATA_DIR": str(folder),
            "MODELS_FILE": str(folder / "models.yaml"),
            "DATABASE_URL": database.url,
        }
        self.client = create_app(Settings.from_env(environ)).test_client()
        accounts, keys = AccountStore(database), KeyStore(database, Secrets(folder))
        accounts.create("root", "local", is_admin=True, now=NOW)
        self.keys = {
            user: keys.create(user, "", 1, None, NOW)[1] for user in ("alice", "bob", "root")
        }
        UsageStore(database).add("w", Batch(1, ROWS), NOW)

    def get(self, caller="root", /, **parameters):
        headers = {"Authorization": f"Bearer {self.keys[caller]}"} if caller else {}
        return self.client.get("/api/usage", query_string=parameters, headers=headers)

    def document(self):
        return self.client.get("/openapi.json").get_json()


@pytest.fixture
def world(database, tmp_path, monkeypatch):
    opened = []

    def opening(*args, **options):
        opened.append(Database(*args, **options))
        return opened[-1]

    for module in (app_module, parts):
        monkeypatch.setattr(module, "Database", opening)
    try:
        yield World(database, tmp_path)
    finally:
        for each in opened:
            each.close()


def requests(answer, *names):
    assert answer.status_code == 200, answer.text
    return {tuple(e[n] for n in names): e["requests"] for e in answer.get_json()["data"]}


def test_a_key_sees_the_usage_of_its_owner_alone(world):
    assert requests(world.get("alice"), "user", "model") == {("alice", "big"): 2}
    assert requests(world.get("bob", by="key"), "key") == {("key-b",): 8}
    assert requests(world.get("alice", user="alice", by=""), *()) == {(): 2}
    assert requests(world.get("alice", key="key-b")) == {}


def test_an_administrator_sees_everybodys_or_anybodys(world):
    assert requests(world.get(by="user"), "user") == {("alice",): 2, ("bob",): 8}
    assert requests(world.get(by="user", user="bob"), "user") == {("bob",): 8}
    assert requests(world.get(by="user,day", since=DAY), "user", "day") == {
        ("alice", DAY): 2,
        ("bob", DAY): 3,
    }
    assert requests(world.get(by="", until=DAY)) == {(): 5}
    assert requests(world.get(by="model", model="small"), "model") == {("small",): 5}


@pytest.mark.parametrize(
    ("user", "parameters", "status", "words"),
    [
        (None, {}, 401, "didn't provide an API key"),
        ("alice", {"user": "bob"}, 403, "that of others is for administrators"),
        ("alice", {"user": "nobody"}, 403, "that of others is for administrators"),
        ("root", {"by": "week"}, 400, "not by 'week'."),
        ("root", {"since": "soon"}, 400, "'soon' is no time"),
        ("root", {"since": "2026-11", "until": "2026-10"}, 400, "ends before it begins"),
        ("root", {"user": "a\x00b"}, 400, "is no name"),
        ("root", {"format": "xml"}, 400, "json or csv"),
        ("root", {"who": "bob"}, 400, "There is no parameter 'who' here"),
        ("root", {"by": ["user", "model"]}, 400, "more than once"),
    ],
)
def test_what_is_wrong_is_told_in_the_envelope(world, user, parameters, status, words):
    answer = world.get(user, **parameters)
    assert answer.status_code == status
    assert words in answer.get_json()["error"]["message"]
    document = world.document()
    named = document["paths"]["/api/usage"]["get"]["responses"][str(status)]
    described = resolve(named, document)
    schema = described["content"]["application/json"]["schema"]
    assert faults(answer.get_json(), schema, document) == []


def test_more_rows_than_an_answer_should_have_are_refused(world, monkeypatch):
    monkeypatch.setattr(routes, "MOST_ROWS", 2)
    answer = world.get(by="user,model")
    assert answer.status_code == 400
    assert "more than 2 rows" in answer.get_json()["error"]["message"]


def test_csv_tells_the_same(world):
    answer = world.get(by="user", format="csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["user"], row["requests"]) for row in rows] == [("alice", "2"), ("bob", "8")]


@pytest.mark.parametrize("by", ["", "user,model", "key", "month", "day,user", "hour,model,key"])
def test_answers_are_what_the_document_says(world, by):
    document = world.document()
    described = document["paths"]["/api/usage"]["get"]["responses"]["200"]["content"]
    schema = described["application/json"]["schema"]
    told = world.get(by=by).get_json()
    assert told["data"]
    assert faults(told, schema, document) == []
    # And the check can fail.
    assert faults({**told, "more": 1}, schema, document) == ["$.more: not described"]
    assert faults({**told, "data": [{}]}, schema, document)[0] == "$.data[0]: lacks requests"


def test_the_document_describes_what_the_route_takes(world):
    document = world.document()
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= document["info"].keys()
    operation = document["paths"]["/api/usage"]["get"]
    assert operation["security"] == [{"key": []}]
    for parameter in operation["parameters"]:
        value = parameter.get("example", parameter["schema"].get("default", "x"))
        assert world.get(**{parameter["name"]: value}).status_code == 200, parameter["name"]
    content = operation["responses"]["200"]["content"]
    schema = resolve(content["application/json"]["schema"], document)
    # Only where there are GPUs and a price of them.
    assert schema["properties"].keys() - {"currency"} == world.get().get_json().keys()


BESIDE = """
from gevent import monkey
monkey.patch_all()
import sqlite3, threading, time, gevent
from web.aside import Aside

SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000)"
beats, done = [], []

def query():
    done.append(sqlite3.connect(":memory:").execute(SLOW + " SELECT max(i) FROM n").fetchone())

def fail():
    raise KeyError("told")

asking = gevent.spawn(Aside().do, query)
while not asking.ready():
    beats.append(time.monotonic())
    gevent.sleep(0.005)
asking.get()
longest = max(b - a for a, b in zip(beats, beats[1:]))
assert done == [(3000000,)], done
assert len(beats) > 10 and longest < 0.1, (len(beats), longest)
try:
    Aside().do(fail)
except KeyError as error:
    assert error.args == ("told",)
print("the loop went on")
"""


def test_a_long_query_does_not_stop_the_streams():
    argv = [sys.executable, "-c", BESIDE]
    done = subprocess.run(
        argv, capture_output=True, text=True, cwd=REPOSITORY, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("the loop went on\n", "")


def test_the_document_is_json_of_a_sane_size(world):
    text = world.client.get("/openapi.json")
    assert text.content_type == "application/json"
    assert json.loads(text.data) == world.document()
    assert len(text.data) < 250_000
