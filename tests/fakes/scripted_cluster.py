"""A cluster that does as the test says; its behaviour is a subset of what the contract suite holds.

(tests/contracts/cluster_contract.py runs on LocalCluster, on recordings and on real Slurm.)
"""

from collections.abc import Collection

from slurm.errors import ClusterError, ObservationFailed
from slurm.jobs import Job, JobState
from slurm.script import LaunchSpec


class ScriptedCluster:
    """The errors are raised when set; `calls` is what was asked of it.

    `records` is what accounting knows of jobs, which need not be among `jobs` any more.
    """

    name = "scripted"

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.calls: list[str] = []
        self.submit_error: ClusterError | None = None
        self.list_error: ObservationFailed | None = None
        self.lookup_error: ObservationFailed | None = None
        self.records: dict[str, Job] = {}
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

    def lookup(self, job_ids: Collection[str]) -> tuple[Job, ...]:
        self.calls.append(f"lookup {' '.join(job_ids)}")
        if self.lookup_error is not None:
            raise self.lookup_error
        return tuple(self.records[job_id] for job_id in job_ids if job_id in self.records)

    def cancel(self, job_id: str) -> None:
        self.calls.append(f"cancel {job_id}")
        job = self.jobs[job_id]
        self.jobs[job_id] = Job(job.job_id, job.name, JobState.CANCELLED)

    def read_log(self, instance_id: str, max_bytes: int = 65536) -> str:
        return ""

    def close(self) -> None:
        self.calls.append("close")
