"""`GET /metrics`."""

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from web.metrics.access import may_read
from web.metrics.api import PATH, MetricsRefused
from web.metrics.desk import MetricsDesk
from web.metrics.families import families


class _Told:
    """A collector of what has been seen already."""

    def __init__(self, desk: MetricsDesk) -> None:
        self._families = tuple(families(desk.look()))

    def collect(self) -> tuple[object, ...]:
        return self._families


def create_blueprint(desk: MetricsDesk, token: bytes | None, *, trusts_proxies: bool) -> Blueprint:
    blueprint = Blueprint("metrics", __name__)

    def metrics() -> Response:
        address, sent = request.remote_addr or "", dict(request.headers)
        if not may_read(address, sent, token, trusts_proxies=trusts_proxies):
            raise MetricsRefused
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Told(desk))  # type: ignore[arg-type]
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return Response(encode(registry), content_type=content_type)

    blueprint.add_url_rule(PATH, view_func=metrics)
    return blueprint
