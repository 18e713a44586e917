"""What every Cluster promises, as tests. Inherit and provide the fixture `cluster`.

The job is the real worker with nobody to claim from: it keeps trying, so it runs until cancelled.
Instance ids are made from the tests' names, so that a recorded run can be replayed.
"""

import hashlib
from datetime import UTC

import pytest

from slurm.cluster import Cluster
from slurm.errors import AccountingOff, LogUnavailable, SubmitRejected
from slurm.jobs import Job, JobState
from slurm.script import LaunchSpec
from tests.slurm.specs import spec
from tests.waiting import wait_until


class ClusterContract:
    """One suite over LocalCluster, SlurmCluster on recordings, and SlurmCluster on real Slurm."""

    patience_s = 30.0
    keeps_records = True

    @pytest.fixture
    def instance_id(self, request: pytest.FixtureRequest) -> str:
        return hashlib.sha256(request.function.__name__.encode()).hexdigest()[:10]

    def job(self, cluster: Cluster, job_id: str) -> Job | None:
        return next((job for job in cluster.list_jobs() if job.job_id == job_id), None)

    def wait_for(self, cluster: Cluster, job_id: str, *states: JobState) -> Job:
        """The job, as soon as it is in one of `states`; otherwise the test fails."""

        def look() -> Job | None:
            job = self.job(cluster, job_id)
            return job if job is not None and job.state in states else None

        job = wait_until(look, self.patience_s, f"job {job_id} is {states}")
        if job is None:
            raise AssertionError
        return job

    def start(self, cluster: Cluster, launch: LaunchSpec) -> Job:
        return self.wait_for(cluster, cluster.submit(launch), JobState.RUNNING)

    def test_a_cluster_has_a_name_for_the_identity_of_its_jobs(self, cluster: Cluster) -> None:
        assert cluster.name

    def test_a_submitted_job_is_listed_under_its_name(
        self, cluster: Cluster, instance_id: str
    ) -> None:
        job_id = cluster.submit(spec(instance_id))
        job = self.job(cluster, job_id)
        assert job is not None
        assert job.name == f"kscope-{instance_id}"
        assert not job.state.is_over
        assert job.submit_time is not None
        assert job.submit_time.tzinfo is UTC
        cluster.cancel(job_id)

    def test_a_running_job_tells_its_node_and_its_times(
        self, cluster: Cluster, instance_id: str
    ) -> None:
        job = self.start(cluster, spec(instance_id, time_limit="01:00:00"))
        assert job.node
        assert job.submit_time is not None
        assert job.start_time is not None
        assert job.end_time is not None
        assert job.submit_time <= job.start_time
        assert (job.end_time - job.start_time).total_seconds() == 3600
        cluster.cancel(job.job_id)

    def test_jobs_have_ids_of_their_own(self, cluster: Cluster, instance_id: str) -> None:
        first, second = (cluster.submit(spec(f"{instance_id[:9]}{n}")) for n in "xy")
        assert first != second
        names = {job.job_id: job.name for job in cluster.list_jobs()}
        assert names[first] != names[second]
        cluster.cancel(first)
        cluster.cancel(second)

    def test_a_cancelled_job_ends_and_is_still_listed(
        self, cluster: Cluster, instance_id: str
    ) -> None:
        job = self.start(cluster, spec(instance_id))
        cluster.cancel(job.job_id)
        over = self.wait_for(cluster, job.job_id, JobState.CANCELLED)
        assert over.end_time is not None

    def test_a_job_that_ignores_term_ends_all_the_same(
        self, cluster: Cluster, instance_id: str
    ) -> None:
        stubborn = ("trap '' TERM; echo deaf; while :; do sleep 0.2; done",)
        job = self.start(cluster, spec(instance_id, setup=stubborn))
        self.wait_for_log(cluster, instance_id, "deaf")
        cluster.cancel(job.job_id)
        self.wait_for(cluster, job.job_id, JobState.CANCELLED)

    def test_cancelling_again_or_cancelling_nothing_is_no_error(
        self, cluster: Cluster, instance_id: str
    ) -> None:
        job_id = cluster.submit(spec(instance_id, setup=("exit 0",)))
        self.wait_for(cluster, job_id, JobState.COMPLETED)
        cluster.cancel(job_id)
        cluster.cancel(job_id)
        cluster.cancel("99999999")
        self.wait_for(cluster, job_id, JobState.COMPLETED)

    def test_a_job_that_ends_well_is_completed(self, cluster: Cluster, instance_id: str) -> None:
        job_id = cluster.submit(spec(instance_id, setup=("exit 0",)))
        assert self.wait_for(cluster, job_id, JobState.COMPLETED).end_time is not None

    def test_a_job_that_ends_badly_is_failed(self, cluster: Cluster, instance_id: str) -> None:
        job_id = cluster.submit(spec(instance_id, setup=("exit 3",)))
        assert self.wait_for(cluster, job_id, JobState.FAILED).reason == "NonZeroExitCode"

    def test_how_a_job_ended_can_be_looked_up(self, cluster: Cluster, instance_id: str) -> None:
        job_id = cluster.submit(spec(instance_id, setup=("exit 3",)))
        self.wait_for(cluster, job_id, JobState.FAILED)
        if not self.keeps_records:
            with pytest.raises(AccountingOff):
                cluster.lookup([job_id])
            return

        def look() -> Job | None:
            jobs = cluster.lookup([job_id, "99999999"])
            assert [job.job_id for job in jobs] in ([], [job_id])
            return next((job for job in jobs if job.state.is_over), None)

        record = wait_until(look, self.patience_s, f"the record of job {job_id}")
        if record is None:
            raise AssertionError
        assert (record.job_id, record.name) == (job_id, f"kscope-{instance_id}")
        assert record.state is JobState.FAILED
        assert record.end_time is not None

    def test_looking_up_nothing_is_no_error(self, cluster: Cluster) -> None:
        assert cluster.lookup([]) == ()

    def test_what_a_job_printed_can_be_read(self, cluster: Cluster, instance_id: str) -> None:
        job_id = cluster.submit(spec(instance_id, setup=("echo out; echo err >&2; exit 0",)))
        self.wait_for(cluster, job_id, JobState.COMPLETED)
        log = self.wait_for_log(cluster, instance_id, "err")
        assert log.endswith("out\nerr\n")
        assert cluster.read_log(instance_id, max_bytes=4) == "err\n"

    def wait_for_log(self, cluster: Cluster, instance_id: str, words: str) -> str:
        def look() -> str:
            try:
                log = cluster.read_log(instance_id)
            except LogUnavailable:
                return ""
            return log if words in log else ""

        return wait_until(look, self.patience_s, f"the log says {words!r}")

    @pytest.mark.parametrize(
        "instance_id",
        ["nonesuch00", "../../etc/passwd", "", "a b"],
        ids=["unknown", "path", "empty", "words"],
    )
    def test_a_log_that_is_not_there_is_unavailable(
        self, cluster: Cluster, instance_id: str
    ) -> None:
        with pytest.raises(LogUnavailable):
            cluster.read_log(instance_id)

    def test_a_request_that_makes_no_sense_is_rejected_for_good(
        self, cluster: Cluster, instance_id: str
    ) -> None:
        with pytest.raises(SubmitRejected) as caught:
            cluster.submit(spec(instance_id, time_limit="soon"))
        assert caught.value.terminal
        assert all(job.name != f"kscope-{instance_id}" for job in cluster.list_jobs())

    def test_the_worker_knows_its_job(self, cluster: Cluster, instance_id: str) -> None:
        tell = 'echo "id=$SLURM_JOB_ID restarts=${SLURM_RESTART_COUNT:-0}"; exit 0'
        job_id = cluster.submit(spec(instance_id, setup=(tell,)))
        self.wait_for(cluster, job_id, JobState.COMPLETED)
        assert f"id={job_id} restarts=0" in self.wait_for_log(cluster, instance_id, "restarts")

    def test_the_job_inherits_nothing_from_the_gateway(
        self, cluster: Cluster, instance_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", "canary")
        job_id = cluster.submit(spec(instance_id, setup=('echo "url=<$DATABASE_URL>"; exit 0',)))
        self.wait_for(cluster, job_id, JobState.COMPLETED)
        assert "url=<>" in self.wait_for_log(cluster, instance_id, "url")
