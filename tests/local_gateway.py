"""Gateways on their embedded default: SQLite, and jobs that are processes of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from slurm.local import LocalCluster
from tests.gateway_process import Gateway


@contextmanager
def running(gateway: Gateway) -> Iterator[Gateway]:
    """Starts it; at the end it is gone, with its jobs, and the end of its log is told."""
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.kill9()
        end_jobs(gateway)
        print(gateway.log_tail())


def end_jobs(gateway: Gateway) -> None:
    """Jobs outlive their gateway, so a test must end them itself."""
    cluster = LocalCluster(gateway.data_dir / "jobs", kill_wait_s=1)
    for job in cluster.list_jobs():
        if not job.state.is_over:
            cluster.cancel(job.job_id)
    cluster.close()
