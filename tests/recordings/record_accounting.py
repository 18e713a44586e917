"""Record what a real sacct answers. Run by hand, never by the tests.

    SLURM_CONF=…/slurm.conf python -m tests.recordings.record_accounting

wants an idle slurmctld of one's own with MinJobAge=2 and accounting by slurmdbd (its pid file next
to slurm.conf), and nodes rec[1-2]. It kills that slurmdbd. With accounting off it records that.
"""

import os
import signal

from slurm.commands import build_sacct, build_squeue
from tests.recordings.record import PID_FILE, plain, record, squeue
from tests.waiting import wait_until

WAIT = "#!/bin/sh\nexec sleep 600\n"
FORGED = "x\n77|RUNNING|Unknown|Unknown|2026-01-01T00:00:00|n1|kscope-rec0000077"


def submit(name: str, *options: str, script: str = WAIT) -> str:
    return plain("sbatch", "--parsable", "-o", "/dev/null", "-J", name, *options, stdin=script)


def state(job_id: str) -> str:
    return plain("squeue", "-h", "-t", "all", "-o", "%T", "-j", job_id)


def ended() -> list[str]:
    """One job for each end that is quickly caused, all gone from the queue."""
    done = submit("kscope-rec0000001", script="#!/bin/sh\n")
    failed = submit("kscope-rec0000002", script="#!/bin/sh\nexit 3\n")
    cancelled = submit("kscope-rec0000003")
    waiting = submit("kscope-rec0000004", "--begin=now+1hour")
    late = submit("kscope-rec0000005", "--time=1")
    lost = submit("kscope-rec0000006", "--no-requeue", "-w", "rec2")
    running = [cancelled, late, lost]
    wait_until(lambda: {state(j) for j in running} == {"RUNNING"}, 30, "jobs run")
    plain("scancel", cancelled, waiting)
    plain("scontrol", "update", "NodeName=rec2", "State=DOWN", "Reason=dead")
    jobs = [done, failed, cancelled, waiting, late, lost]
    wait_until(lambda: not any(f"{j}|" in squeue() for j in jobs), 180, "jobs are forgotten")
    plain("scontrol", "update", "NodeName=rec2", "State=RESUME")
    return jobs


def main() -> None:
    if "slurmdbd" not in plain("scontrol", "show", "config"):
        record("sacct-off", build_sacct(["1", "2"]))
        return
    jobs = ended()
    requeued = submit("kscope-rec0000007", "--requeue")
    several = submit("kscope-rec0000008", "--nodes=2")
    forged, others = submit(FORGED), submit("others", "--array=1-2")
    wait_until(lambda: {state(j) for j in (requeued, several)} == {"RUNNING"}, 60, "jobs run")
    plain("scontrol", "requeue", requeued)
    wait_until(lambda: state(requeued) == "PENDING", 60, "it waits again")
    asked = build_sacct([*jobs, requeued, several, forged, others, "99999"])
    record("squeue-of-sacct-late", build_squeue())
    record("sacct-late", asked)
    wait_until(lambda: plain(*asked).count("|RUNNING|") >= 3, 60, "accounting has heard of it")
    record("squeue-of-sacct-mixed", build_squeue())
    record("sacct-mixed", asked)
    record("sacct-unknown", build_sacct(["99999"]))
    plain("scancel", "--me")
    os.kill(int((PID_FILE.parent / "slurmdbd.pid").read_text()), signal.SIGKILL)
    record("sacct-killed", build_sacct(jobs))


if __name__ == "__main__":
    main()
