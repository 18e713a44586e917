"""What accounting says of jobs that the queue has forgotten.

A job leaves squeue some minutes after its end (MinJobAge). A gateway that was away for longer
learns from accounting how the job ended, where the site keeps any. It is asked for nothing else:
one call for all jobs that a successful listing lacks, so at most once or twice for each.
"""

import logging
from collections.abc import Iterable

from slurm.cluster import Cluster
from slurm.errors import AccountingOff, ClusterError
from web.fleet.observation import Listing, completed, missing_jobs
from web.fleet.states import Instance

log = logging.getLogger(__name__)


class Records:
    """Completes listings. That there is no accounting is told once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._is_off_told = False

    def complete(self, listing: Listing, instances: Iterable[Instance]) -> Listing:
        """The listing with the ends of jobs it lacks. No answer changes nothing (law 4)."""
        missing = missing_jobs(instances, listing)
        if not missing:
            return listing
        try:
            records = self._cluster.lookup(tuple(missing))
        except AccountingOff as error:
            if not self._is_off_told:
                log.info("how a job ended that squeue has forgotten will not be known: %s", error)
            self._is_off_told = True
            return listing
        except ClusterError as error:
            log.warning("no word from accounting on %d jobs: %s", len(missing), error)
            return listing
        return completed(listing, missing, records)
