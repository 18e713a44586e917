"""Slurm's reason codes in plain words, as data.

Source: slurm.schedmd.com/job_reason_codes.html and src/common/slurm_protocol_defs.c.
A row is (prefix, words, terminal); the longest matching prefix wins. Terminal: waiting
never helps; a hold that a person may lift at any time is not terminal.
"""

Row = tuple[str, str, bool]

_QUEUE = (
    ("None", "waiting for the scheduler to look at the job", False),
    ("WaitingForScheduling", "waiting for the scheduler to look at the job", False),
    ("SchedDefer", "waiting for the scheduler to look at the job", False),
    ("Priority", "waiting its turn: jobs with a higher priority are ahead", False),
    ("Resources", "waiting its turn: next in line, but no suitable node is free yet", False),
    ("Dependency", "waiting for another job to finish", False),
    ("BeginTime", "waiting for its earliest start time (also the pause after a requeue)", False),
    ("Licenses", "waiting for a licence that other jobs are using", False),
    ("Reservation", "waiting for its reservation to begin", False),
    ("BurstBuffer", "waiting for fast storage to be prepared", False),
    ("Cleaning", "waiting for its previous run to be cleaned up", False),
    ("Prolog", "waiting while the node is being prepared", False),
    ("JobArrayTaskLimit", "waiting: only so many of these jobs may run at once", False),
    ("MaxPoweredUpNodes", "waiting: no further node may be powered up now", False),
)

_LIMIT = (
    ("QOSMax", "your limit: the QOS lets a user or account have only so much at once", False),
    ("QOSGrp", "your limit: everyone sharing this QOS together has used it up for now", False),
    ("QOSJobLimit", "your limit: too many jobs of this QOS are active", False),
    ("QOSResourceLimit", "your limit: the QOS has reached its share of resources", False),
    ("QOSUsageThreshold", "your limit: recent usage is above the QOS's threshold", False),
    ("AssocMax", "your limit: your account lets you have only so much at once", False),
    ("AssocGrp", "your limit: your account's group has used up its share for now", False),
    ("AssociationJobLimit", "your limit: too many jobs of your account are active", False),
    ("AssociationResourceLimit", "your limit: your account has reached its share", False),
    ("AccountingPolicy", "your limit: an accounting policy holds the job back", False),
    ("MaxJobsPerAccount", "your limit: too many jobs of your account are active", False),
    ("MaxSubmitJobsPerAccount", "your limit: too many jobs of your account are queued", False),
    ("MaxCpuPerAccount", "your limit: your account uses all the CPUs it may", False),
    ("MaxGRESPerAccount", "your limit: your account uses all the GPUs it may", False),
    ("MaxMemoryPerAccount", "your limit: your account uses all the memory it may", False),
    ("MaxNodePerAccount", "your limit: your account uses all the nodes it may", False),
    ("MaxBBPerAccount", "your limit: your account uses all the fast storage it may", False),
)

_NEVER = (
    (
        "PartitionTimeLimit",
        "can never start as asked: the time limit is above the partition's",
        True,
    ),
    (
        "PartitionNodeLimit",
        "can never start as asked: the partition has no such number of nodes",
        True,
    ),
    ("BadConstraints", "can never start as asked: no node satisfies what it asks for", True),
    ("InvalidAccount", "can never start as asked: the account is not valid", True),
    ("AccountNotAllowed", "can never start as asked: the account may not use this partition", True),
    ("InvalidQOS", "can never start as asked: the QOS is not valid", True),
    ("QOSNotAllowed", "can never start as asked: the QOS may not be used here", True),
    ("QOSTimeLimit", "can never start as asked: the time limit is above the QOS's", True),
    ("QOSMin", "can never start as asked: the QOS demands that jobs ask for more", True),
    (
        "AssociationTimeLimit",
        "can never start as asked: the time limit is above your account's",
        True,
    ),
    ("MaxMemPerLimit", "can never start as asked: more memory than a job may have", True),
    (
        "DependencyNeverSatisfied",
        "can never start: the job it waits for did not end as needed",
        True,
    ),
    ("DeadLine", "can never start: its deadline has passed", True),
    ("ReservationDeleted", "can never start: its reservation was deleted", True),
)

_ADMIN = (
    ("ReqNodeNotAvail", "administrators: a node it needs is down, drained or reserved", False),
    (
        "Nodes required for job are DOWN",
        "administrators: the nodes it needs are down or reserved",
        False,
    ),
    ("NodeDown", "administrators: a node it needs is down", False),
    ("PartitionDown", "administrators: the partition is closed for now", False),
    ("PartitionInactive", "administrators: the partition is switched off for now", False),
    ("FrontEndDown", "administrators: a front-end node is down", False),
    ("JobHeldAdmin", "administrators: held until an administrator releases it", False),
    ("JobHeldUser", "held: starts only when somebody releases it", False),
    ("JobHoldMaxRequeue", "held after failing to start too often", True),
    ("job requeued in held state", "held after being requeued", True),
    ("launch failed requeued held", "held: the node failed to start it", True),
    ("SystemFailure", "administrators: the cluster had an internal failure", False),
)

_ENDED = (
    ("NonZeroExitCode", "the program ended with an error", True),
    ("RaisedSignal", "the program was killed by a signal", True),
    ("OutOfMemory", "the program used more memory than it had asked for", True),
    ("TimeLimit", "the time limit was reached", True),
    ("JobLaunchFailure", "the node could not start the job", True),
    ("InactiveLimit", "ended by the cluster for being idle", True),
)

# A ceiling per single job is never lifted by waiting, unlike the same ceiling per user or account.
_PER_JOB = tuple(
    (
        f"{holder}Max{what}{minutes}PerJob",
        f"can never start as asked: above what {words} grants one job",
        True,
    )
    for holder, words in (("QOS", "the QOS"), ("Assoc", "your account"))
    for what in (
        "Cpu",
        "GRES",
        "Memory",
        "Mem",
        "Node",
        "Energy",
        "Lic",
        "BB",
        "Billing",
        "Unknown",
        "WallDuration",
    )
    for minutes in ("", "Minutes", "RunMinutes")
)

REASONS: tuple[Row, ...] = _QUEUE + _LIMIT + _NEVER + _ADMIN + _ENDED + _PER_JOB

STATES: dict[str, str] = {
    "PENDING": "queued",
    "CONFIGURING": "its nodes are being powered up or prepared",
    "REQUEUED": "being put back into the queue",
    "REQUEUE_HOLD": "put back into the queue and held",
    "REQUEUE_FED": "being moved to another cluster of the federation",
    "RESV_DEL_HOLD": "held because its reservation was deleted",
    "SPECIAL_EXIT": "put back into the queue and held after a special exit",
    "RUNNING": "running",
    "SIGNALING": "running, a signal is being delivered",
    "RESIZING": "running, its size is being changed",
    "COMPLETING": "ending",
    "STAGE_OUT": "ending, files are being copied out",
    "SUSPENDED": "suspended: its nodes were given to another job for a while",
    "STOPPED": "stopped by a signal, still holding its nodes",
    "REVOKED": "taken over by another cluster of the federation",
    "LAUNCH_FAILED": "the node failed to start it",
    "COMPLETED": "ended by itself",
    "CANCELLED": "cancelled",
    "FAILED": "ended with an error",
    "TIMEOUT": "reached its time limit",
    "DEADLINE": "could not finish before its deadline",
    "PREEMPTED": "stopped to make room for a more important job",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node failed to boot",
    "OUT_OF_MEMORY": "used more memory than it had asked for",
    "UNKNOWN": "in a state this gateway does not know",
}
