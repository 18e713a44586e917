"""A gateway as its users find it after a month: accounts, keys, models in every state, usage."""

import random
import subprocess
import sys
from datetime import datetime, timedelta
from urllib.parse import quote

from tests.gateway_process import REPOSITORY, Gateway
from tests.waiting import wait_until
from web.clock import utc_now
from web.config import Settings
from web.database import Database
from web.fleet.store import InstanceStore
from web.identity.store import KeyStore
from web.secrets import Secrets
from web.usage.lines import Batch, Line, LineKey
from web.usage.store import UsageStore

ADMIN, USER = "ada", "bob"
PASSWORD = "correct horse battery"
SIMULATOR = "python3 -m slurm.simulator"
# Whatever shows these two must show them as they are.
HOSTILE = ("<script>alert(1)</script>", '{{7*7}} & "quotes"')


def model(name: str, **changes: object) -> dict[str, object]:
    """An entry of models.yaml; `engine_args` are added to those of all."""
    engine = {"startup-seconds": 0.3, "max-model-len": 8192, "tokens-per-second": 60}
    given = changes.pop("engine_args", {})
    assert isinstance(given, dict)
    return {
        "name": name,
        "path": name,
        "command": SIMULATOR,
        "gpus": 1,
        "engine_args": {**engine, **given},
        **changes,
    }


READY, STARTING, BROKEN, COLD, LAB = "demo", "large-70b", "broken-7b", "Qwen/Qwen3-32B", "lab"
MODELS = (
    model(READY, aliases=["demo-alias"], min_instances=1),
    model(STARTING, min_instances=1, engine_args={"startup-seconds": 3600}),
    model(BROKEN, min_instances=1, engine_args={"die-at-start": True}),
    model(COLD, aliases=["qwen"]),
    model(LAB, groups=["physics"], warm=[{"instances": 1, "from": "08:00", "to": "08:01"}]),
)


def add_user(gateway: Gateway, name: str, *options: str, password: str = PASSWORD) -> None:
    argv = [sys.executable, "-m", "web.cli", "users", "create", name, "--password", *options]
    subprocess.run(
        argv,
        cwd=REPOSITORY,
        env=gateway.env,
        input=password + "\n",
        text=True,
        capture_output=True,
        check=True,
        timeout=60,
    )


def furnish(gateway: Gateway) -> dict[str, str]:
    """People, their keys, and a month of usage; returns what stands in the paths of pages."""
    add_user(gateway, ADMIN, "--admin", "--groups", "physics,staff")
    add_user(gateway, USER, "--groups", "chemistry")
    gateway.cli("limits", "set", "--user", USER, "--requests-per-minute", "600")
    settings = Settings.from_env(gateway.env)
    database = Database(settings.database_url)
    try:
        now = utc_now()
        ids = _keys(KeyStore(database, Secrets(settings.data_dir)), now)
        UsageStore(database).add("tests", Batch(1, tuple(_usage(ids, now))), now)
    finally:
        database.close()
    return {
        "key": ids[0],
        "user": USER,
        "ready": quote(READY),
        "starting": quote(STARTING),
        "broken": quote(BROKEN),
        "cold": quote(COLD),
    }


def _keys(store: KeyStore, now: datetime) -> list[str]:
    made = [
        ("thesis notebook", 60, now - timedelta(days=3)),
        ("expires soon", 60, now - timedelta(days=55)),
        ("expired", 7, now - timedelta(days=30)),
        *((name, 90, now) for name in HOSTILE),
    ]
    ids = [store.create(USER, name, days, None, at)[0].id for name, days, at in made]
    ids.append(store.create(ADMIN, "batch of the group", 90, [READY], now)[0].id)
    store.revoke(store.create(USER, "lost laptop", 90, None, now)[0].id, now)
    return ids


def _usage(key_ids: list[str], now: datetime) -> list[tuple[LineKey, Line]]:
    chance = random.Random(6)
    hour = now.replace(minute=0, second=0, microsecond=0)
    lines = []
    for day in range(30):
        for name, user, key in ((READY, USER, key_ids[0]), (COLD, USER, key_ids[1]),
                                (READY, ADMIN, key_ids[-1])):  # fmt: skip
            requests = chance.randrange(1, 400)
            line = Line(requests, requests // 40, requests // 60, requests * 210, requests * 40,
                        requests * 330, 0, requests * 4.2)  # fmt: skip
            at = hour - timedelta(days=day, hours=chance.randrange(1, 9))
            lines.append((LineKey(at, key, name, user), line))
    return lines


def wait_until_shown(gateway: Gateway) -> dict[str, str]:
    """Until one model is ready, one starts and one is known to be broken; the ready instance."""

    def state(name: str) -> object:
        return gateway.model(name).get("state")

    wait_until(lambda: state(READY) == "ready", 60, f"{READY} is ready")
    wait_until(lambda: state(STARTING) == "starting", 60, f"{STARTING} starts")
    wait_until(lambda: state(BROKEN) == "failing", 60, f"{BROKEN} is known to be broken")
    database = Database(Settings.from_env(gateway.env).database_url)
    try:
        (instance,) = [each for each in InstanceStore(database).live() if each.model == READY]
    finally:
        database.close()
    return {"instance": instance.id}
