"""Rounds of wrk: a generator in C, so that it bounds nothing, which checks every answer in Lua."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.cores import Cores
from bench.distribution import ensure_program
from bench.processes import CpuTime, cpu_time
from bench.subjects.subject import CHAT, Subject

SCRIPT = Path(__file__).parent / "wrk.lua"
ANSWER_TIMEOUT_S = 30


class WrongAnswers(Exception):
    """A round had answers that were not what they must be: its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Every answer's status, and its body (exact) or the lines that its body holds (not exact).

    length: of the body where it is not exact; 0 for any.
    """

    status: int
    body: bytes
    exact: bool
    length: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """cpu_us: processor time of all the subject's processes per answer, in microseconds; it is
    nearly the same on a busy machine. starved: the share of the round in which the subject was
    ready to run and something else had its core. Both are 0 for a subject without processes.
    """

    cpu_us: float
    starved: float
    per_second: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Wrk:
    program: str
    cores: Cores
    folder: Path

    def run(
        self, subject: Subject, body: bytes, expected: Expected, connections: int, seconds: float
    ) -> Round:
        """One round. Raises WrongAnswers if a single answer was not as expected."""
        sent, wanted = self.folder / "sent", self.folder / "wanted"
        sent.write_bytes(body)
        wanted.write_bytes(expected.body)
        argv = [self.program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
        argv += ["--timeout", f"{ANSWER_TIMEOUT_S}s", "-s", str(SCRIPT), subject.base_url + CHAT]
        argv += ["--", str(sent), subject.key, str(expected.status), str(wanted)]
        argv += ["exact" if expected.exact else "like", str(expected.length)]
        before = cpu_time(subject.pids)
        done = subprocess.run(
            self.cores.pin(argv, self.cores.load),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 2 * ANSWER_TIMEOUT_S,
        )
        used = cpu_time(subject.pids).since(before)
        return _read(subject.name, done.stdout, done.stderr, used)


def create_wrk(cores: Cores, folder: Path) -> Wrk:
    return Wrk(ensure_program("wrk", "wrk"), cores, folder)


def _read(name: str, stdout: str, stderr: str, used: CpuTime) -> Round:
    lines = stdout.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise WrongAnswers(f"{name}: wrk failed: {stdout[-500:]} {stderr[-500:]}")
    told = json.loads(lines[-1])
    if told["bad"] or told["broken"] or not told["good"]:
        raise WrongAnswers(
            f"{name}: {told['good']} good answers, {told['bad']} wrong, "
            f"{told['broken']} broken or late; the first wrong one: {told['fault']!r}"
        )
    return Round(
        cpu_us=used.used_s / told["good"] * 1e6,
        starved=used.starved_s / told["seconds"],
        per_second=told["good"] / told["seconds"],
        p50_ms=told["p50_us"] / 1000,
        p99_ms=told["p99_us"] / 1000,
    )
