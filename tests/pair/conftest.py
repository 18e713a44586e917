"""Two gateways on one PostgreSQL, with the same secrets and the same local jobs."""

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from slurm.local import LocalCluster
from tests.gateway_process import Gateway
from tests.pair.front import Front
from tests.postgres import running_postgres
from tests.waiting import wait_until

MODEL, OTHER = "demo", "other"
ENGINE = {"path": "demo", "command": "python3 -m slurm.simulator"}
QUICK = {**ENGINE, "engine_args": {"startup-seconds": 0.3}}
ENTRIES = ({"name": MODEL, **QUICK}, {"name": OTHER, **QUICK})


class Pair:
    """Two gateways that share all but port, folder and processes; `jobs` is their cluster."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.front = Front(lambda: [gateway.port for gateway in self.gateways])
        shared = {
            "DATABASE_URL": database_url,
            "TELEMETRY_CALLBACK_URL": f"{self.front.url}/worker_callback",
        }
        self.gateways = [Gateway(folder / name, ENTRIES, shared) for name in ("first", "second")]
        first, second = self.gateways
        self.jobs = LocalCluster(first.data_dir / "jobs", kill_wait_s=1)
        first.start()
        second.data_dir.mkdir()
        shutil.copy(first.data_dir / "secrets.json", second.data_dir)
        (second.data_dir / "jobs").symlink_to(first.data_dir / "jobs")
        second.start()

    def leader(self) -> Gateway | None:
        """Whose fleet process holds the lock, by what both say in /ready."""
        found = [g for g in self.gateways if fleet_pid(g) and _names(self.gateways, fleet_pid(g))]
        assert len(found) <= 1
        return found[0] if found else None

    def led_and_other(self) -> tuple[Gateway, Gateway]:
        leader = wait_until(self.leader, 20, "one of the two leads")
        (other,) = (gateway for gateway in self.gateways if gateway is not leader)
        return leader, other

    def live_jobs(self) -> list[str]:
        """The names of all jobs that run or may yet run."""
        return [job.name for job in self.jobs.list_jobs() if not job.state.is_over]

    def close(self) -> None:
        for gateway in self.gateways:
            for pid in gateway.pids():
                os.kill(pid, signal.SIGCONT)
            gateway.kill9()
            print(gateway.log_tail())
        for job in self.jobs.list_jobs():
            if not job.state.is_over:
                self.jobs.cancel(job.job_id)
        self.front.shutdown()
        self.front.server_close()


def fleet_pid(gateway: Gateway) -> int | None:
    """Its fleet process, or None while there is none."""
    for pid in gateway.pids():
        try:
            argv = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if b"web.fleet.process" in argv:
            return pid
    return None


def _names(gateways: Sequence[Gateway], pid: int | None) -> bool:
    told = [gateway.get("/ready")[1] for gateway in gateways]
    return any(f":{pid} holds the lock" in words for words in told)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with running_postgres() as server:
        pair = Pair(tmp_path, server.url)
        try:
            yield pair
        finally:
            pair.close()
