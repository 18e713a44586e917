"""`GET /metrics`."""

from collections.abc import Iterable

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from web.metrics.access import may_read
from web.metrics.api import PATH, MetricsRefused
from web.metrics.desk import MetricsDesk
from web.metrics.families import Sight, families


class _Seen(Collector):
    """A collector of what has been seen."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight

    def collect(self) -> Iterable[Metric]:
        return families(self._sight)


def create_blueprint(desk: MetricsDesk, token: bytes | None, *, trusts_proxies: bool) -> Blueprint:
    blueprint = Blueprint("metrics", __name__)

    def metrics() -> Response:
        address, sent = request.remote_addr or "", dict(request.headers)
        if not may_read(address, sent, token, trusts_proxies=trusts_proxies):
            raise MetricsRefused
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))

        def render(sight: Sight) -> bytes:
            # One of its own: what others ask for at the same time is none of its business.
            registry = CollectorRegistry(auto_describe=False)
            registry.register(_Seen(sight))
            return encode(registry)

        return Response(desk.tell(render), content_type=content_type)

    blueprint.add_url_rule(PATH, view_func=metrics)
    return blueprint
