"""`python -m tests.web.fleet.month --seeds 1000`: many months, one JSON line."""

import argparse
import json
import statistics
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.web.fleet.month.month import Month, Outcome, run_month
from tests.web.fleet.month.scenario import make_scenario


@dataclass(frozen=True)
class Broken:
    """A month in which something must not have happened."""

    seed: int
    words: str


def attempt(seed: int) -> Outcome | Broken:
    try:
        return run_month(seed)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Broken(seed, f"{type(error).__name__} {place.name}:{place.lineno}: {error}")


def summary(outcomes: list[Outcome | Broken], took_s: float) -> dict[str, Any]:
    broken = [each for each in outcomes if isinstance(each, Broken)]
    whole = [each for each in outcomes if isinstance(each, Outcome)]
    cuts, needless, ends = Counter[str](), Counter[str](), Counter[str]()
    for each in whole:
        cuts.update(each.tally.cuts)
        needless.update(each.tally.needless_cuts)
        ends.update(each.ends)
    kept = sum(each.kept_hours for each in whole)
    down = sum(each.down_hours for each in whole)
    waits = [wait for each in whole for wait in each.tally.cold_waits]
    return {
        "seeds": len(outcomes),
        "violations": len(broken),
        "first": [f"seed {each.seed}: {each.words}" for each in broken[:10]],
        "requests": sum(each.tally.asked for each in whole),
        "served": sum(each.tally.served for each in whole),
        "given_up": sum(each.tally.given_up for each in whole),
        "told_unavailable": sum(each.tally.unavailable for each in whole),
        "still_waiting": sum(each.still_waiting for each in whole),
        "cut": dict(cuts.most_common()),
        "cut_though_short": dict(needless.most_common()),
        "kept_up": round(1 - down / kept if kept else 1.0, 4),
        "cold_waits": len(waits),
        "cold_wait_p50_s": round(_quantile(waits, 50), 1),
        "cold_wait_p99_s": round(_quantile(waits, 99), 1),
        "gpu_hours": round(sum(each.gpu_hours for each in whole)),
        "gpu_hours_busy": round(sum(each.busy_hours for each in whole)),
        "launches": sum(each.launches for each in whole),
        "handovers": sum(each.handovers for each in whole),
        "fleet_deaths": sum(each.deaths for each in whole),
        "ends": dict(ends.most_common()),
        "ticks": sum(each.ticks for each in whole),
        "seconds": round(took_s, 1),
    }


def _quantile(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _tell(seed: int) -> None:
    month = Month(make_scenario(seed))
    try:
        print(month.run())
    finally:
        print("\n".join(month.watch.story))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.web.fleet.month", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--story", type=int, help="how this seed came to its violation")
    options = parser.parse_args()
    if options.story is not None:
        _tell(options.story)
        return
    seeds = range(options.first, options.first + options.seeds)
    started = time.monotonic()
    if options.processes > 1:
        with ProcessPoolExecutor(options.processes) as pool:
            outcomes = list(pool.map(attempt, seeds, chunksize=4))
    else:
        outcomes = [attempt(seed) for seed in seeds]
    found = summary(outcomes, time.monotonic() - started)
    print(json.dumps(found))
    sys.exit(1 if found["violations"] else 0)


if __name__ == "__main__":
    main()
