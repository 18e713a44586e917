"""The gateway as it is deployed: its own parent, fleet process and worker, a catalog, a key.

The upstream is an instance like any other: a local job, claimed, probed and reporting its load.
So authentication, routing, demand and heartbeats are all at work in what is measured, and so are
limits, which apply to every request and are never reached, and the accounts of it all.
"""

import json
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from bench.cores import Cores
from bench.processes import (
    HOST,
    NotReached,
    Process,
    environment,
    family,
    free_port,
    wait_until,
)
from bench.subjects.subject import Subject
from bench.upstream.answers import MODEL, request_body
from slurm.local import LocalCluster

REPOSITORY = Path(__file__).resolve().parents[2]
SILENCING = REPOSITORY / "bench" / "without"
COLD_MODEL = "cold"
START_TIMEOUT_S = 60.0
ACCOUNTS_WITHIN_S = 10.0
USER = "bench"
# What can be left out, to see what it costs.
LIMITS, USAGE = PARTS = ("limits", "usage")
OUT_OF_REACH = {
    "requests-per-minute": 1_000_000,
    "tokens-per-minute": 10**12,
    "parallel-requests": 1_000_000,
    "tokens-per-month": 10**15,
}


@contextmanager
def running_gateway(
    folder: Path, cores: Cores, direct_port: int, without: Collection[str] = ()
) -> Iterator[Subject]:
    """The gateway with a warm model, whose upstream listens at `direct_port` as well.

    without: those of PARTS that are to be left out.
    """
    folder.mkdir()
    port, data_dir, models_file = free_port(), folder / "data", folder / "models.yaml"
    models_file.write_text(yaml.safe_dump({"models": _models(cores, direct_port)}))
    env = environment(
        PROXY_HOST=HOST,
        PROXY_PORT=str(port),
        MODELS_FILE=str(models_file),
        DATA_DIR=str(data_dir),
        WEB_CONCURRENCY="1",
    )
    key = _kscope(env, "keys", "create", "--user", USER)
    if LIMITS not in without:
        options = [f"--{name}={limit}" for name, limit in OUT_OF_REACH.items()]
        _kscope(env, "limits", "set", "--user", USER, *options)
    if USAGE in without:
        env |= {"PYTHONPATH": str(SILENCING)}
    argv = cores.pin([sys.executable, "-m", "web.openai_proxy.routes"], cores.proxy)
    process = Process(argv, folder / "gateway.log", env, REPOSITORY)
    subject = Subject("kscope", f"http://{HOST}:{port}", key)
    try:
        process.wait_ready(subject.answers, START_TIMEOUT_S, "the gateway's model answers")
        _check(subject, env, without)
        yield replace(subject, pids=tuple(family(process.pid)))
    finally:
        process.stop()
        _end_jobs(data_dir / "jobs")


def _check(subject: Subject, env: dict[str, str], without: Collection[str]) -> None:
    """What is to be measured is at work, and what is to be left out is not."""
    limited = "x-ratelimit-limit-requests" in subject.headers_of(request_body("json", 0))
    if limited is (LIMITS in without):
        raise NotReached(f"the gateway {'has' if limited else 'has no'} limits")

    def has_accounts() -> bool:
        return bool(json.loads(_kscope(env, "usage", "--json"))["data"])

    if USAGE not in without:
        wait_until(has_accounts, ACCOUNTS_WITHIN_S, "the gateway writes usage down")
    elif has_accounts():
        raise NotReached("the gateway writes usage down")


def _models(cores: Cores, direct_port: int) -> list[dict[str, object]]:
    placed = {} if cores.load is None else {"cpu": cores.load}
    common = {
        "path": "none",
        "gpus": 0,
        "max_instances": 1,
        "idle_timeout": "off",
        "command": [sys.executable, "-m", "bench.upstream"],
        # The job starts in a folder of its own, with an environment of its own.
        "env": {"PYTHONPATH": str(REPOSITORY)},
    }
    warm_args = {"direct-port": direct_port, **placed}
    warm = {**common, "name": MODEL, "min_instances": 1, "engine_args": warm_args}
    cold_args = {"never-ready": True, **placed}
    return [warm, {**common, "name": COLD_MODEL, "engine_args": cold_args}]


def _kscope(env: dict[str, str], *arguments: str) -> str:
    argv = [sys.executable, "-m", "web.cli", *arguments]
    done = subprocess.run(
        argv, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def _end_jobs(state_dir: Path) -> None:
    """Jobs outlive their gateway by design."""
    cluster = LocalCluster(state_dir, kill_wait_s=1)

    def all_over() -> bool:
        live = [job for job in cluster.list_jobs() if not job.state.is_over]
        for job in live:
            cluster.cancel(job.job_id)
        return not live

    try:
        wait_until(all_over, 30, "every job of the gateway over")
    finally:
        cluster.close()
