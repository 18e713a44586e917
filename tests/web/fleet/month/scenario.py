"""What a seed means: models, GPUs, traffic and faults. Everything random of a month's plan."""

from dataclasses import dataclass
from datetime import time
from random import Random

from tests.web.fleet.month.timeline import DAY, HOUR
from tests.web.fleet.worlds import deployment
from web.catalog.deployment import Deployment
from web.catalog.warm import WarmWindow

DAYS = 30
# The last days are calm, so that everything that was begun can end.
CALM_FROM = (DAYS - 3) * DAY
BREAKAGES = ("path", "hang", "hopeless", "rejected", "rejected for good")


@dataclass(frozen=True, slots=True)
class Session:
    """`clients` ask `requests` times each, one after another, each taking about `request_s`."""

    at: float
    model: str
    clients: int
    requests: int
    request_s: float
    think_s: float
    patience_s: float


@dataclass(frozen=True, slots=True)
class Fault:
    """Something bad from `at` on, for `lasts` seconds; `what` names it."""

    at: float
    what: str
    lasts: float
    model: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    seed: int
    deployments: tuple[Deployment, ...]
    walltime_s: dict[str, float]
    load_s: dict[str, float]
    gpus: int
    queue_wait_s: float
    sessions: tuple[Session, ...]
    faults: tuple[Fault, ...]
    # The chance that a submission is ambiguous, and that the fleet dies in a launch.
    ambiguous: float
    deadly: float
    lossy: float


def make_scenario(seed: int) -> Scenario:
    random = Random(seed)
    names = ["alpha", "beta", "gamma"][: random.choice((1, 1, 2, 3))]
    walltime = {name: random.choice((2, 4, 8, 12, 24)) * HOUR for name in names}
    models = tuple(_deployment(random, name, walltime[name]) for name in names)
    needed = sum(each.max_instances * each.gpus for each in models)
    # Fewer than for one of each model, and one may wait for as long as the others are wanted.
    least = sum(each.gpus for each in models)
    sessions = tuple(_sessions(random, names))
    return Scenario(
        seed=seed,
        deployments=models,
        walltime_s=walltime,
        load_s={name: random.choice((20.0, 60.0, 180.0, 400.0)) for name in names},
        gpus=max(2, least, round(needed * random.choice((0.5, 1.0, 1.0, 2.0)))),
        queue_wait_s=random.choice((2.0, 30.0, 300.0, 1800.0)),
        sessions=sessions,
        faults=tuple(_faults(random, names, sessions)),
        ambiguous=random.choice((0.0, 0.05, 0.2)),
        deadly=random.choice((0.0, 0.03, 0.1)),
        lossy=random.choice((0.0, 0.01, 0.1)),
    )


def _deployment(random: Random, name: str, walltime_s: float) -> Deployment:
    most = random.choice((1, 1, 2, 3))
    kind = random.random()
    warm = ()
    if kind < 0.25:
        begins, ends = random.choice(((8, 18), (9, 17), (20, 4)))
        warm = (
            WarmWindow(
                random.randint(1, most),
                random.choice(((0, 1, 2, 3, 4), (0, 2), tuple(range(7)))),
                time(begins),
                time(ends),
                random.choice(("Europe/Berlin", "America/New_York", "UTC")),
            ),
        )
    return deployment(
        name,
        gpus=random.choice((1, 1, 2)),
        time_limit=f"{int(walltime_s // HOUR):02}:00:00",
        min_instances=1 if 0.25 <= kind < 0.4 else 0,
        max_instances=most,
        target_requests=random.choice((1, 2, 4, 8)),
        idle_timeout_s=random.choice((300.0, 900.0, 1800.0, 3600.0)),
        startup_timeout_s=1200.0,
        drain_timeout_s=random.choice((60.0, 300.0)),
        scale_up_after_s=random.choice((0.0, 30.0, 60.0)),
        scale_down_after_s=random.choice((120.0, 300.0)),
        warm=warm,
        max_requests=16,
        fingerprint="1",
    )


def _sessions(random: Random, names: list[str]) -> list[Session]:
    sessions = []
    for name in names:
        at = random.expovariate(1 / (6 * HOUR))
        busy_s = random.choice((8, 16, 36)) * HOUR
        while at < CALM_FROM + DAY:
            burst = random.random() < 0.2
            sessions.append(
                Session(
                    at,
                    name,
                    clients=random.randint(6, 24) if burst else random.choice((1, 1, 2, 4)),
                    requests=random.randint(1, 3) if burst else random.randint(1, 8),
                    request_s=random.choice((5.0, 30.0, 120.0, 120.0, 900.0)),
                    think_s=random.choice((1.0, 60.0, 400.0)),
                    patience_s=random.choice((60.0, 900.0, 4 * HOUR, 30 * DAY)),
                )
            )
            at += random.expovariate(1 / busy_s)
    return sessions


def _faults(random: Random, names: list[str], sessions: tuple[Session, ...]) -> list[Fault]:
    """(what, how many a month at most, how long)."""
    plan = (
        ("slurmctld is away", 4, (60.0, 3 * HOUR)),
        ("login node is away", 2, (60.0, HOUR)),
        ("gateway is away", 3, (20.0, 900.0)),
        ("fleet dies", 4, (1.0, 120.0)),
        ("node dies", 4, (300.0, 900.0)),
        ("node is cut off", 3, (30.0, 600.0)),
        ("engine hangs", 3, (HOUR, 4 * HOUR)),
        ("engine crashes", 3, (0.0, 0.0)),
        ("preemption", 6, (600.0, 4 * HOUR)),
        ("requeue", 3, (0.0, 0.0)),
        ("scancel by hand", 3, (0.0, 0.0)),
        ("purge", 2, (0.0, 0.0)),
        ("others compute", 8, (HOUR, 12 * HOUR)),
        ("row is lost", 1, (0.0, 0.0)),
        ("new catalog", 2, (0.0, 0.0)),
        ("fewer wanted", 1, (HOUR, 2 * DAY)),
        ("order to drain", 2, (0.0, 0.0)),
        ("order to stop", 2, (0.0, 0.0)),
    )
    busy = [session for session in sessions if session.at < CALM_FROM]
    faults = []
    for what, most, lasts in plan:
        for _ in range(random.randint(0, most)):
            at, name = random.uniform(0, CALM_FROM), random.choice(names)
            if busy and random.random() < 0.6:  # most things go wrong while somebody is there
                session = random.choice(busy)
                at, name = session.at + random.uniform(0, 1200), session.model
            faults.append(Fault(at, what, random.uniform(*lasts), name))
    for _ in range(random.choice((0, 0, 1, 2))):
        at, lasts = random.uniform(0, CALM_FROM - 2 * DAY), random.uniform(HOUR, 30 * HOUR)
        faults.append(Fault(at, random.choice(BREAKAGES), lasts, random.choice(names)))
    return sorted(faults, key=lambda fault: fault.at)
