"""What the engines themselves counted."""

import http.client
import re
from contextlib import closing
from dataclasses import dataclass

from tests.embedded.accounts import database_of
from tests.gateway_process import Gateway
from web.fleet.launch import engine_key
from web.fleet.store import InstanceStore
from web.secrets import Secrets

_LINE = re.compile(r"^vllm:(\w+)\S* (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Counted:
    """Since the engine started. `requests`: those that came to an end of any kind."""

    prompt: int
    completion: int
    requests: int
    running: int

    def since(self, before: "Counted") -> "Counted":
        return Counted(
            self.prompt - before.prompt,
            self.completion - before.completion,
            self.requests - before.requests,
            self.running,
        )


def addresses(gateway: Gateway) -> dict[str, tuple[str, int, str]]:
    """Model -> host, port and key of its one engine."""
    secrets = Secrets(gateway.data_dir)
    with database_of(gateway) as database:
        live = InstanceStore(database).live()
    return {
        each.model: (
            str(each.node),
            each.port or 0,
            engine_key(secrets, each.id, each.secret_version),
        )
        for each in live
    }


def counted(address: tuple[str, int, str]) -> Counted:
    host, port, key = address
    with closing(http.client.HTTPConnection(host, port, timeout=20)) as connection:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {key}"})
        text = connection.getresponse().read().decode()
    sums: dict[str, float] = {}
    for name, value in _LINE.findall(text):
        sums[name] = sums.get(name, 0) + float(value)
    names = ("prompt_tokens_total", "generation_tokens_total", "request_success_total")
    return Counted(*(int(sums[name]) for name in names), int(sums["num_requests_running"]))
