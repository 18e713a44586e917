"""Record what a real Slurm answers, one command per file. Run by hand, never by the tests.

    SLURM_CONF=…/slurm.conf python -m tests.recordings.record

wants an idle slurmctld of one's own (a pid file next to slurm.conf) with accounting off, nodes
rec[1-3] of 8 CPUs, 16000 MB and two GPUs, partitions gpu (default), short (10 minutes at most) and
down (State=DOWN). It stops and kills that slurmctld. Contract transcripts are recorded by

    SLURM_CONF=… KSCOPE_RECORD=1 python -m pytest tests/contracts -k Recordings
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from slurm.commands import build_sbatch, build_scancel, build_squeue, build_tail, parse_sbatch
from slurm.script import LaunchSpec
from slurm.shell import LocalShell, Result
from tests.fakes.recordings import save
from tests.waiting import wait_until

LOG_DIR = ".kscope/logs"
SLEEP = "#!/bin/bash -l\necho from the job\nsleep 600\n"
FAIL = "#!/bin/bash -l\nexit 3\n"
PID_FILE = Path(os.environ.get("SLURM_CONF", "/nowhere/slurm.conf")).parent / "slurmctld.pid"

shell = LocalShell()


def record(name: str, argv: Sequence[str], stdin: str = "") -> Result:
    began = time.monotonic()
    result = shell.run(argv, stdin=stdin, deadline_s=60)
    print(f"{name}: {result.exit_code} after {time.monotonic() - began:.1f} s", result.stderr)
    save(name, [(list(argv), result)])
    return result


def spec(number: int, **options: object) -> LaunchSpec:
    return LaunchSpec(
        instance_id=f"rec{number:07}",
        model="m",
        path="/m",
        callback_url="http://127.0.0.1:9/worker_callback",
        token="token",
        engine_api_key="key",
        heartbeat_interval_s=10,
        **options,  # type: ignore[arg-type]
    )


def submit(number: int, script: str = SLEEP, **options: object) -> str:
    argv = build_sbatch(spec(number, **options), LOG_DIR)
    return parse_sbatch(shell.run(argv, stdin=script))


def squeue() -> str:
    return shell.run(build_squeue()).stdout


def plain(*argv: str, stdin: str = "") -> str:
    return shell.run(argv, stdin=stdin).stdout.strip()


REFUSED: dict[str, dict[str, object]] = {
    "sbatch-invalid-partition": {"partition": "nonesuch"},
    "sbatch-too-many-gpus": {"gpus": 9},
    "sbatch-too-much-memory": {"memory": "9999G"},
    "sbatch-invalid-time": {"time_limit": "soon"},
    "sbatch-invalid-memory": {"memory": "much"},
}


def record_listings() -> None:
    record("squeue-empty", build_squeue())
    running = submit(1, time_limit="08:00:00", gpus=2, memory="12G")
    requeued = submit(2, time_limit="08:00:00", gpus=2, memory="12G")
    submit(3, time_limit="08:00:00", gpus=2, memory="12G")
    wait_until(lambda: squeue().count("RUNNING") == 3, 30)
    wait_until(lambda: shell.run(build_tail(LOG_DIR, "rec0000001", 9)).stdout, 30)
    record("tail", build_tail(LOG_DIR, "rec0000001", 65536))
    record("tail-missing", build_tail(LOG_DIR, "rec9999999", 65536))
    submit(4, gpus=2)
    submit(5, gpus=2)
    submit(6, partition="down")
    submit(7, partition="short", time_limit="01:00:00")
    submit(9, nodes=9)
    failed = submit(8, script=FAIL, memory="1G")
    plain("sbatch", "--job-name=not-ours", "--array=1-2", "--begin=now+1hour", stdin=SLEEP)
    row = "77|RUNNING|None|2026-01-01T00:00:00|N/A|2026-01-01T00:00:00|n1|n1|kscope-rec0000077"
    plain("sbatch", f"--job-name=x\n{row}", "--begin=now+1hour", stdin=SLEEP)
    wait_until(lambda: f"{failed}|FAILED" in squeue(), 30)
    record("scancel-running", build_scancel(running))
    wait_until(lambda: f"{running}|CANCELLED" in squeue(), 30)
    record("scancel-finished", build_scancel(running))
    record("scancel-unknown", build_scancel("999999"))
    time.sleep(10)  # for the backfill scheduler's estimates
    record("squeue-mixed", build_squeue())
    plain("scontrol", "requeue", requeued)
    record("squeue-requeue-begins", build_squeue())
    wait_until(lambda: f"{requeued}|PENDING" in squeue(), 30)
    record("squeue-requeued", build_squeue())


@contextlib.contextmanager
def signalled(number: int) -> Iterator[None]:
    pid = int(PID_FILE.read_text())
    os.kill(pid, number)
    try:
        yield
    finally:
        if number == signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)


def record_faults(situation: str) -> None:
    argv = build_sbatch(spec(90 if situation == "stopped" else 91), LOG_DIR)
    commands: dict[str, Callable[[], object]] = {
        "squeue": lambda: record(f"squeue-{situation}", build_squeue()),
        "sbatch": lambda: record(f"sbatch-{situation}", argv, stdin=SLEEP),
        "scancel": lambda: record(f"scancel-{situation}", build_scancel("1")),
    }
    for run in commands.values():
        run()


def main() -> None:
    record_listings()
    record("sbatch-accepted", build_sbatch(spec(50, gpus=1, cpus=2), LOG_DIR), stdin=SLEEP)
    for number, (name, options) in enumerate(REFUSED.items(), start=60):
        record(name, build_sbatch(spec(number, **options), LOG_DIR), stdin=SLEEP)
    with signalled(signal.SIGSTOP):
        record_faults("stopped")
    time.sleep(3)
    print("the job of the failed sbatch exists:", "kscope-rec0000090" in squeue())
    record("squeue-after", build_squeue())
    plain("scancel", "--me")
    with signalled(signal.SIGKILL):
        time.sleep(1)
        record_faults("killed")
    subprocess.run(["slurmctld"], check=True)


if __name__ == "__main__":
    main()
