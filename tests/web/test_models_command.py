"""`kscope models list`, on a catalog and a database with one instance in the queue."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner

from tests.web.fleet.worlds import instance
from web.cli import main
from web.clock import utc_now
from web.database import Database
from web.fleet.states import InstanceState
from web.fleet.store import FleetStore
from web.lock.store import FleetLock

CATALOG = "models: [{name: m, path: m, command: vllm serve}, {name: other, path: o}]"


@pytest.fixture
def env(tmp_path):
    (tmp_path / "models.yaml").write_text(CATALOG)
    database = Database(f"sqlite:///{tmp_path}/kscope.db")
    database.migrate()
    lock = FleetLock(database, "test", life_s=60)
    lock.acquire(utc_now())
    queued = instance(
        InstanceState.PENDING,
        slurm_state="PENDING",
        slurm_reason="Priority",
        estimated_start=utc_now() + timedelta(hours=1),
    )
    FleetStore(database, lock).intend(queued)
    database.close()
    return {"DATA_DIR": str(tmp_path), "MODELS_FILE": str(tmp_path / "models.yaml")}


def test_the_table_tells_state_job_and_reason(env):
    lines = CliRunner().invoke(main, ["models", "list"], env=env).output.splitlines()
    assert lines[0].split() == ["MODEL", "STATE", "READY", "JOB", "STARTS", "WHY"]
    assert lines[1].split()[:4] == ["m", "pending", "0", "7"]
    assert "priority" in lines[1].lower()
    assert lines[2].split()[:2] == ["other", "cold"]


def test_json_is_what_the_api_says(env):
    entries = json.loads(CliRunner().invoke(main, ["models", "list", "--json"], env=env).output)
    assert [e["id"] for e in entries] == ["m", "other"]
    assert entries[0]["status"]["state"] == "pending"
    assert entries[0]["status"]["estimated_start"]
