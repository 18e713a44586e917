"""Slurm's verbs, each as a pure builder of an argv and a pure parser of what came back.

`squeue -o` is the surface that stays the same over releases; `--json` differs in each. Texts are
those of src/common/slurm_errno.c; what was measured was measured on 22.05.8.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime

from slurm.errors import (
    AccountingOff,
    CancelFailed,
    LogUnavailable,
    ObservationFailed,
    SubmitRejected,
    SubmitUnknown,
)
from slurm.jobs import Job, JobState
from slurm.script import JOB_NAME_PREFIX, LaunchSpec, instance_id_of
from slurm.shell import Result

NOT_FOUND = 127  # what every shell answers when there is no such program

# The name last: it is the only field in which anybody could put a separator, or a newline and a
# whole row of his own. Cut to one character more than our names have (which also pads it), it is
# too short for a row. All other fields have no width: squeue would cut them, too.
_NAME_WIDTH = len(JOB_NAME_PREFIX) + 11
_FORMAT = f"%i|%T|%r|%S|%e|%V|%B|%N|%{_NAME_WIDTH}j"
_CLOCK = ("env", "TZ=UTC", "SLURM_TIME_FORMAT=standard")
_JOB_ID = re.compile(r"[1-9][0-9]{0,9}")
# Somebody's array task or part of a heterogeneous job: a proper row, but never one of ours.
_ROW_ID = re.compile(_JOB_ID.pattern + r"(?:[_+][0-9\[\],%-]+)?")
_PARSABLE = re.compile(r"([1-9][0-9]{0,9})(?:;[\w.-]+)?")
_STATE = re.compile(r"[A-Z][A-Z_]*")
_NO_TIME = frozenset({"", "N/A", "NONE", "Unknown", "None"})
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NO_HOST = frozenset({"", "n/a", "N/A", "(null)", "None assigned"})
_LOG_DIR = re.compile(r"[A-Za-z0-9_./~+][A-Za-z0-9_./~+-]*")
# Logs are named by ten characters; the oldest go, while sbatch is at work.
_PREPARE = (
    'umask 077 && mkdir -p -- "$1" && {'
    ' find "$1/" -maxdepth 1 -type f -name "??????????.log" -mtime +30 -delete'
    ' </dev/null >/dev/null 2>&1 & shift; exec sbatch "$@"; }'
)


def build_sbatch(spec: LaunchSpec, log_dir: str) -> list[str]:
    """Submit the script on stdin. One remote command also keeps the private log folder.

    sbatch hands its umask on to the job (SLURM_UMASK), so the log becomes 0600. `--export=ALL`
    exports the login's environment, which holds nothing of the gateway's: any other value, NIL and
    NONE included, sets SLURM_GET_USER_ENV, and slurmd then runs a login shell for up to 120 s.
    Neither --requeue nor --no-requeue: the site decides, and the restart count tells a requeue.
    """
    options = {
        "job-name": spec.job_name,
        "output": log_path(log_dir, spec.instance_id),
        "open-mode": "append",
        "signal": f"B:USR1@{spec.warning_s}",
        "export": "ALL",
        "partition": spec.partition,
        "qos": spec.qos,
        "account": spec.account,
        "nodes": spec.nodes,
        "ntasks-per-node": 1,
        "cpus-per-task": spec.cpus,
        "mem": spec.memory,
        "time": spec.time_limit,
        # Of each node. `--gpus` and `--gpus-per-node` need select/cons_tres.
        "gres": f"gpu:{spec.gpus // spec.nodes}" if spec.gpus else None,
    }
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return ["sh", "-c", _PREPARE, "sh", log_dir, "--parsable", *words]


def log_path(log_dir: str, instance_id: str) -> str:
    """Where a job's output goes, relative to the home folder. ValueError: nothing Slurm expands."""
    if not _LOG_DIR.fullmatch(log_dir):
        raise ValueError(f"a log folder's name may not contain this: {log_dir!r}")
    if not instance_id.isalnum():
        raise ValueError(f"not an instance id: {instance_id!r}")
    return f"{log_dir}/{instance_id}.log"


# The request may have reached a controller before these were printed. Measured: with slurmctld
# stopped sbatch exits 1 after 10 s, and the job exists once slurmctld wakes. Even "connect failure"
# may be a backup's answer after the primary took the job.
_UNKNOWN = (
    "socket timed out",
    "unable to contact slurm controller",
    "zero bytes were transmitted",
    "unexpected message received",
    "message send failure",
    "message receive failure",
    "connection refused",
    "connection reset",
    "connection timed out",
    "broken pipe",
    "standby mode",
)
# What no repetition cures; everything else that sbatch refuses may be different tomorrow.
_TERMINAL = (
    "invalid account",
    "invalid qos",
    "invalid partition",
    "invalid wckey",
    "invalid feature specification",
    "invalid generic resource",
    "invalid trackable resource",
    "invalid --",
    "invalid numeric value",
    "invalid license specification",
    "node count specification invalid",
    "more processors requested than permitted",
    "cpu count per node can not be satisfied",
    "cpu count specification invalid",
    "memory specification can not be satisfied",
    "requested node configuration is not available",
    "requested time limit is invalid",
    "user's group not permitted to use this partition",
    "qos not permitted",
    "unrecognized option",
)
_REFUSED = re.compile(r"^(?:sbatch|mkdir|sh|bash): ", re.MULTILINE)


def parse_sbatch(result: Result) -> str:
    """The new job's id. Raises SubmitRejected (no job exists) or SubmitUnknown."""
    if result.exit_code == 0:
        # A login script may print before sbatch does.
        lines = result.stdout.split()
        found = _PARSABLE.fullmatch(lines[-1]) if lines else None
        if found is None:
            raise SubmitUnknown(f"sbatch succeeded but printed no job id: {_line(result)}")
        return found[1]
    text = result.stderr.lower()
    if result.exit_code == NOT_FOUND:
        raise SubmitRejected(f"there is no sbatch on the PATH: {_line(result)}")
    if any(words in text for words in _UNKNOWN) or not _REFUSED.search(result.stderr):
        raise SubmitUnknown(f"sbatch failed ({result.exit_code}): {_line(result)}")
    raise SubmitRejected(_line(result), terminal=any(words in text for words in _TERMINAL))


def _line(result: Result) -> str:
    """The last thing said, for a person."""
    lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
    return lines[-1][:300] if lines else "no output"


def build_squeue() -> list[str]:
    """All jobs of our own user, hidden partitions and recently finished ones included, in UTC.

    squeue prints the local time of wherever it runs, and sites make it relative by default.
    """
    return [*_CLOCK, "squeue", "--noheader", "--me", "--all", "--states=all", "-o", _FORMAT]


def parse_squeue(result: Result) -> tuple[Job, ...]:
    """Our jobs. Rows that are not ours, or in which any field is not as it should be, are dropped.

    Raises ObservationFailed.
    """
    if result.exit_code != 0:
        raise ObservationFailed(f"squeue failed ({result.exit_code}): {_line(result)}")
    lines = [line for line in result.stdout.split("\n") if line.strip()]
    rows = [_parse_row(line) for line in lines]
    if lines and not any(rows):
        # A banner, or a squeue that speaks otherwise: not one job of ours could be recognised.
        raise ObservationFailed(f"squeue's output cannot be read: {lines[-1][:200]!r}")
    return tuple(row for row in rows if row is not None and _is_ours(row))


def _is_ours(job: Job) -> bool:
    return instance_id_of(job.name) is not None and _JOB_ID.fullmatch(job.job_id) is not None


def _parse_row(line: str) -> Job | None:
    fields = line.split("|", 8)
    if len(fields) != 9:
        return None
    job_id, state, reason, start, end, submit, host, nodes, name = fields
    try:
        start_time, end_time, submit_time = _time(start), _time(end), _time(submit)
    except ValueError:
        return None
    if not (
        _ROW_ID.fullmatch(job_id)
        and _STATE.fullmatch(state)
        and reason.isprintable()
        and (host in _NO_HOST or _HOST.fullmatch(host))
        and nodes.isprintable()
    ):
        return None
    return Job(
        job_id=job_id,
        name=name.rstrip(" "),
        state=JobState.parse(state),
        reason="" if reason == "None" else reason,
        node=None if host in _NO_HOST else host,
        submit_time=submit_time,
        start_time=start_time,
        end_time=end_time,
    )


def _time(text: str) -> datetime | None:
    if text in _NO_TIME:
        return None
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)


# The name is last as for squeue, but cannot be cut. That does not matter: rows come only of the
# jobs asked for, which are ours; a name with a row in it is another's, and asks for another id.
_SACCT_FORMAT = "JobIDRaw,State,Start,End,Submit,NodeList,JobName"
_SACCT_STATE = re.compile(_STATE.pattern + r"(?: by [0-9]+)?")


def build_sacct(job_ids: Collection[str]) -> list[str]:
    """All these jobs in one call, in UTC: one row each, without steps, only the newest run.

    Asked for ids, sacct looks at all times (else: at today). ValueError unless all are numbers.
    """
    if not job_ids or not all(_JOB_ID.fullmatch(job_id) for job_id in job_ids):
        raise ValueError(f"not job ids: {job_ids!r}")
    ids = ",".join(sorted(set(job_ids), key=int))
    words = ["--allocations", "--parsable2", "--noheader", "-j", ids, "-o", _SACCT_FORMAT]
    return [*_CLOCK, "sacct", *words]


def parse_sacct(result: Result) -> tuple[Job, ...]:
    """Jobs with names of ours that accounting knows. Rows with any field amiss are dropped.

    Raises AccountingOff or ObservationFailed.
    """
    if result.exit_code == NOT_FOUND or "accounting storage is disabled" in result.stderr.lower():
        raise AccountingOff(f"there is no accounting: {_line(result)}")
    if result.exit_code != 0:
        raise ObservationFailed(f"sacct failed ({result.exit_code}): {_line(result)}")
    rows = [_parse_record(line) for line in result.stdout.split("\n")]
    return tuple(row for row in rows if row is not None and _is_ours(row))


def _parse_record(line: str) -> Job | None:
    fields = line.split("|", 6)
    if len(fields) != 7:
        return None
    job_id, state, start, end, submit, nodes, name = fields
    try:
        start_time, end_time, submit_time = _time(start), _time(end), _time(submit)
    except ValueError:
        return None
    if not (_JOB_ID.fullmatch(job_id) and _SACCT_STATE.fullmatch(state) and nodes.isprintable()):
        return None
    # Of several nodes ("gpu[1-2]") accounting does not tell which one was the batch host.
    node = nodes if _HOST.fullmatch(nodes) else None
    return Job(job_id, name, JobState.parse(state), "", node, submit_time, start_time, end_time)


def build_scancel(job_id: str) -> list[str]:
    """End a job for good. ValueError unless `job_id` is one job's number.

    Plain, without a signal. Measured on 22.05: TERM reaches every process of the job at once, also
    those in sessions of their own, then KILL after KillWait. `--signal=TERM` does not reach the
    batch process, which the worker is; with `--full` or `--batch` it does, but no KILL follows.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise ValueError(f"not a job id: {job_id!r}")
    return ["scancel", job_id]


_GONE = ("invalid job id", "already completing or completed")


def parse_scancel(result: Result) -> None:
    """A job that is unknown or over counts as cancelled. Raises CancelFailed."""
    if result.exit_code != 0 and not any(words in result.stderr.lower() for words in _GONE):
        raise CancelFailed(f"scancel failed ({result.exit_code}): {_line(result)}")


def build_tail(log_dir: str, instance_id: str, max_bytes: int) -> list[str]:
    """The end of a job's log."""
    return ["tail", "-c", str(max_bytes), "--", log_path(log_dir, instance_id)]


def parse_tail(result: Result) -> str:
    """The log's text. Raises LogUnavailable."""
    if result.exit_code != 0:
        raise LogUnavailable(f"the log cannot be read: {_line(result)}")
    return result.stdout
