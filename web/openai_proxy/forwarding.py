"""From a request to an instance's answer: who may, which model, which instance, then bytes."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import requests

from web.config import Settings
from web.demand.notebook import DemandNotebook
from web.errors import ModelNotFound, UpstreamTimeout, UpstreamUnreachable
from web.fleet.outlook import Outlook
from web.fleet.policy import Policy
from web.fleet.routing import Route, Snapshot, Target, choose
from web.identity.keys import Principal
from web.identity.permissions import may_use
from web.openai_proxy import headers
from web.openai_proxy.body import Head, read_head, with_model
from web.openai_proxy.cold import cold_error
from web.openai_proxy.streaming import Relay

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a client sent, once it is known who it is."""

    principal: Principal
    path: str
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    received_at: float  # time.perf_counter()


@dataclass(frozen=True, slots=True)
class Answer:
    """An engine's answer that has begun: `chunks` yields its bytes as they arrive."""

    status: int
    headers: list[tuple[str, str]]
    chunks: Relay


class Forwarder:
    def __init__(
        self,
        session: requests.Session,
        outlook: Outlook,
        demand: DemandNotebook,
        clock: Callable[[], datetime],
        settings: Settings,
        policy: Policy,
    ) -> None:
        self._session = session
        self._outlook = outlook
        self._demand = demand
        self._clock = clock
        self._policy = policy
        self._stall_timeout_s = settings.upstream_stall_timeout_s
        self._timeout_s = (
            settings.upstream_connect_timeout_s,
            settings.upstream_first_byte_timeout_s,
        )
        self._in_flight: Counter[str] = Counter()

    def forward(self, inquiry: Inquiry) -> Answer:
        """An instance's answer, whatever its status; raises a `GatewayError` when none answers."""
        head = read_head(inquiry.body)
        route = permitted_route(self._outlook.snapshot, inquiry.principal, head.model)
        target = choose(route.targets, self._in_flight)
        if target is None:
            self._demand.note_cold(route.deployment.name)
            raise cold_error(head.model, route.status, self._clock(), self._policy)
        self._demand.note_warm(route.deployment.name)
        return self._ask(target, inquiry, _body_for(route, head, inquiry.body))

    def _ask(self, target: Target, inquiry: Inquiry, body: bytes) -> Answer:
        sent_at = time.perf_counter()
        self._in_flight[target.instance_id] += 1
        try:
            response = self._send(target, inquiry, body)
        except BaseException:
            self._in_flight[target.instance_id] -= 1
            raise
        answered_at = time.perf_counter()

        def over() -> None:
            self._in_flight[target.instance_id] -= 1

        overhead_s = sent_at - inquiry.received_at + time.perf_counter() - answered_at
        told = headers.to_client(response.raw.headers.items())
        told += [
            ("x-request-id", inquiry.request_id),
            ("x-kscope-instance", target.instance_id),
            ("x-kscope-overhead-ms", f"{overhead_s * 1000:.2f}"),
        ]
        return Answer(response.status_code, told, Relay(response, self._stall_timeout_s, over))

    def _send(self, target: Target, inquiry: Inquiry, body: bytes) -> requests.Response:
        try:
            return self._session.post(
                target.base_url + inquiry.path,
                data=body,
                headers=headers.to_engine(inquiry.headers, target.engine_key, inquiry.request_id),
                timeout=self._timeout_s,
                stream=True,
                allow_redirects=False,
            )
        except requests.ReadTimeout:
            raise UpstreamTimeout(
                f"The model's instance {target.instance_id} sent no answer "
                f"within {self._timeout_s[1]:.0f} s."
            ) from None
        except requests.RequestException as error:
            log.warning("instance %s is unreachable: %s", target.instance_id, error)
            raise UpstreamUnreachable(
                f"The model's instance {target.instance_id} cannot be reached just now. "
                "Please retry your request.",
                retry_after_s=2,
            ) from None


def permitted_route(snapshot: Snapshot, principal: Principal, model: str) -> Route:
    """The route of a model; `ModelNotFound` alike for an unknown and a forbidden one."""
    route = snapshot.routes.get(model)
    if route is None or not may_use(principal, route.deployment):
        raise ModelNotFound(model)
    return route


def create_session() -> requests.Session:
    """A session that adds nothing of its own: no proxies, no netrc, no default headers."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    adapter = requests.adapters.HTTPAdapter(pool_connections=1024, pool_maxsize=1024)
    session.mount("http://", adapter)
    return session


def _body_for(route: Route, head: Head, body: bytes) -> bytes:
    """The body as received, unless it names the model by an alias."""
    name = route.deployment.name
    return body if head.model == name else with_model(body, name)
