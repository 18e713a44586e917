"""`kscope orphans`: whose they are, and what to do."""

import json

import pytest

from tests.web.commands.conftest import ago
from web.clock import utc_now
from web.fleet.orphans import Orphan


def orphan(job_id, *, ours):
    name = f"kscope-{job_id * 5}"
    return Orphan("slurm", job_id, name, "RUNNING", "n1", ours, ago(130.5), ago(3))


@pytest.fixture
def two(fleet):
    fleet.store.record_orphans("slurm", (orphan("71", ours=True), orphan("72", ours=False)))
    fleet.store.record_look("slurm", ago(3), 20.0, None)


def test_each_orphan_is_listed_with_whose_it_is_and_what_to_do(fleet, two):
    result = fleet.run("orphans")
    header, ours, unknown = result.stdout.splitlines()

    assert result.exit_code == 0
    assert header.split()[:4] == ["JOB", "NAME", "STATE", "NODE"]
    assert ours.split()[:7] == ["71", "kscope-7171717171", "RUNNING", "n1", "2m", "slurm", "ours"]
    assert ours.endswith("nothing: the fleet process ends it by itself")
    assert unknown.endswith("if no other gateway uses it: scancel 72")
    assert "as of the last look at the cluster, 3s ago" in result.stderr


def test_orphans_in_json(fleet, two):
    told = json.loads(fleet.run("orphans", "--json").stdout)

    assert [(o["job_id"], o["ours"]) for o in told] == [("71", True), ("72", False)]
    assert told[0]["first_seen_at"] < told[0]["last_seen_at"]
    assert "scancel 72" in told[1]["advice"]


def test_without_orphans_the_list_is_empty_and_says_so(fleet):
    result = fleet.run("orphans")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no orphans\nthe cluster has not been looked at yet\n"
    assert fleet.run("orphans", "--json").stdout == "[]\n"


def test_before_the_first_start_there_is_an_answer_too(fleet, tmp_path):
    assert fleet.run("orphans", DATA_DIR=str(tmp_path / "new")).exit_code == 0


def test_a_failed_look_does_not_count_as_one(fleet, two):
    fleet.store.record_look("slurm", utc_now(), 20.0, "squeue hangs")
    assert "3s ago" in fleet.run("orphans").stderr
