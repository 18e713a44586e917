"""One local job: what it inherits, and what its records tell."""

import os
import pwd
import sys
from datetime import UTC, datetime
from pathlib import Path

from slurm import supervisor
from slurm.jobs import Job, JobState
from slurm.script import LaunchSpec
from slurm.supervisor import Record, identity

NAME = "local"
NODE = "127.0.0.1"
INHERITED = ("LANG", "LC_ALL", "TZ", "TMPDIR")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def is_alive(owner: Record) -> bool:
    mine = identity(owner["pid"]) if "pid" in owner else None
    return mine is not None and mine.items() <= owner.items()


def as_job(job_id: str, record: Record, owner: Record, end: Record | None) -> Job:
    start, limit_s = owner.get("start_time"), record["time_limit_s"]
    walltime_end = start + limit_s if start is not None and limit_s is not None else None
    if end is not None:
        state = JobState.parse(end["state"])
    else:
        state = JobState.PENDING if start is None else JobState.RUNNING
    return Job(
        job_id=job_id,
        name=record["name"],
        state=state,
        reason="" if end is None else end["reason"],
        node=None if start is None else NODE,
        submit_time=_utc(record["submit_time"]),
        start_time=_utc(start),
        end_time=_utc(walltime_end if end is None else end["end_time"]),
    )


def _utc(epoch_s: float | None) -> datetime | None:
    return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC)


def base_environment() -> dict[str, str]:
    """Nothing of the gateway's environment but locale and time zone: it may hold secrets."""
    user = pwd.getpwuid(os.getuid())
    here = {
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": "/bin/bash",
    }
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    # First the gateway's own Python, so that `python3 -m slurm.simulator` works.
    return {**here, **kept, "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}"}


def job_environment(spec: LaunchSpec, job_dir: Path) -> dict[str, str]:
    return {
        **base_environment(),
        supervisor.MARK: str(job_dir),
        "SLURM_JOB_ID": job_dir.name,
        "SLURM_JOB_NAME": spec.job_name,
        "SLURM_CLUSTER_NAME": NAME,
        "SLURM_RESTART_COUNT": "0",
        "SLURMD_NODENAME": NODE,
    }
