"""What the end-to-end tests share: a simulated model, one request, and waiting for an answer."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

from tests.gateway_process import Gateway
from tests.integration.kit import SlurmKit
from tests.integration.kit.processes import environment_of, kit_pids
from tests.waiting import wait_until

MODEL = "test-org/Simulated-1B"
MESSAGES = [{"role": "user", "content": "Grüße"}]
# How often a waiting client asks again: an interval of polling, not a synchronisation.
ASK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Refusal:
    """A 503 as the stock client sees it."""

    status: int
    message: str
    code: str | None
    members: Mapping[str, Any]
    headers: Mapping[str, str]


def simulated(slurm: SlurmKit, **changes: object) -> dict[str, object]:
    """An entry of models.yaml whose engine is the simulator in the job's account."""
    return {
        "name": MODEL,
        "path": "/models/simulated-1b",
        "gpus": 1,
        "time_limit": "00:30:00",
        "command": "python3 -m slurm.simulator",
        "env": {"PYTHONPATH": str(slurm.install_simulator())},
        **changes,
    }


def chat(gateway: Gateway, model: str = MODEL, **faults: object) -> str:
    """One plain answer; raises openai's errors. `faults`: see slurm/simulator/faults.py."""
    answer = gateway.client().chat.completions.create(
        model=model, messages=MESSAGES, max_tokens=16, extra_body={"simulator": faults}
    )
    return answer.choices[0].message.content


def refusal(gateway: Gateway, model: str = MODEL) -> Refusal | None:
    """Ask once: None when it is served, else what the client was told."""
    try:
        chat(gateway, model)
    except openai.APIStatusError as error:
        members = error.body if isinstance(error.body, dict) else {}
        return Refusal(
            error.status_code,
            str(members.get("message")),
            members.get("code"),
            members,
            error.response.headers,
        )
    return None


def refusal_where(
    gateway: Gateway, state: str, model: str = MODEL, timeout_s: float = 20
) -> Refusal:
    """Ask until the refusal tells this `state`; it is a fault when the model is served before."""

    def told() -> Refusal | None:
        time.sleep(ASK_EVERY_S)
        said = refusal(gateway, model)
        assert said is not None, f"served, but {state} was expected first"
        return said if said.members.get("state") == state else None

    return wait_until(told, timeout_s, f"a refusal that tells {state}")


def wait_until_served(gateway: Gateway, model: str = MODEL, timeout_s: float = 30) -> None:
    """Ask again and again, as a patient client does, until there is an answer."""
    said: list[Refusal] = []

    def served() -> bool:
        refused = refusal(gateway, model)
        if refused is not None:
            said.append(refused)
            time.sleep(ASK_EVERY_S)
        return refused is None

    try:
        wait_until(served, timeout_s, f"{model} serves")
    except AssertionError as late:
        raise AssertionError(f"{late}; last said: {said[-1:]}") from late


def only_job(slurm: SlurmKit) -> dict[str, str]:
    """The one live job of the gateway's account; it is a fault if there are none or several."""
    jobs = slurm.live_jobs()
    assert len(jobs) == 1, jobs
    return jobs[0]


def engine_of(slurm: SlurmKit, job_id: str) -> int:
    """The process id of the job's engine."""
    for pid in kit_pids(slurm.folder):
        in_job = environment_of(pid).get("SLURM_JOB_ID") == job_id
        if in_job and b"slurm.simulator" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError(f"job {job_id} runs no engine")
