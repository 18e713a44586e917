"""A cluster that does as the test says; its behaviour is a subset of what the contract suite holds.

(tests/contracts/cluster_contract.py runs on LocalCluster, on recordings and on real Slurm.)
"""

from slurm.errors import ClusterError, ObservationFailed
from slurm.jobs import Job, JobState
from slurm.script import LaunchSpec


class ScriptedCluster:
    """`submit_error` and `list_error` are raised when set; `calls` is what was asked of it."""

    name = "scripted"

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.calls: list[str] = []
        self.submit_error: ClusterError | None = None
        self.list_error: ObservationFailed | None = None
        self.specs: list[LaunchSpec] = []

    def submit(self, spec: LaunchSpec) -> str:
        self.calls.append("submit")
        self.specs.append(spec)
        if self.submit_error is not None:
            raise self.submit_error
        return self.add(spec.job_name)

    def add(self, name: str, state: JobState = JobState.PENDING) -> str:
        job_id = str(len(self.jobs) + 1)
        self.jobs[job_id] = Job(job_id, name, state)
        return job_id

    def list_jobs(self) -> tuple[Job, ...]:
        self.calls.append("list")
        if self.list_error is not None:
            raise self.list_error
        return tuple(self.jobs.values())

    def cancel(self, job_id: str) -> None:
        self.calls.append(f"cancel {job_id}")
        job = self.jobs[job_id]
        self.jobs[job_id] = Job(job.job_id, job.name, JobState.CANCELLED)

    def read_log(self, instance_id: str, max_bytes: int = 65536) -> str:
        return ""

    def close(self) -> None:
        self.calls.append("close")
