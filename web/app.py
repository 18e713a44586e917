"""The composition root: every object of a gateway worker is made and wired here."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from web.aside import Aside
from web.background import Background
from web.catalog.file import CatalogFile
from web.config import Settings
from web.database import Database, StorageError
from web.demand.notebook import DemandNotebook
from web.demand.store import DemandStore
from web.described import described
from web.errors import DatabaseUnavailable, GatewayError
from web.fleet import routes as fleet_routes
from web.fleet.callbacks import MAX_BODY_BYTES, CallbackDesk
from web.fleet.order_store import OrderStore
from web.fleet.outlook import Outlook
from web.fleet.policy import Policy
from web.fleet.probe import answers_with_a_token
from web.fleet.store import InstanceStore
from web.health import Readiness
from web.identity.authenticator import Authenticator
from web.identity.store import KeyStore
from web.limits.accounts import UsageAccounts
from web.limits.board import RuleBoard
from web.limits.counting import Counters
from web.limits.gate import Gate
from web.limits.limiting import Limiting, open_counters
from web.limits.spending import Spending
from web.limits.store import LimitStore
from web.metrics import routes as metrics_routes
from web.metrics.desk import MetricsDesk
from web.metrics.token import read_token
from web.openai_proxy import headers
from web.openai_proxy import routes as openai_routes
from web.openai_proxy.attendance import Attendance
from web.openai_proxy.doors import Door, door_for_keys
from web.openai_proxy.envelope import JSON, error_body, error_headers, from_status
from web.openai_proxy.forwarding import Forwarder
from web.openai_proxy.front import DataPath
from web.openai_proxy.standing import Standing
from web.openai_proxy.upstream import EnginePool, TimeLimits
from web.openai_proxy.waiting import WaitingRoom
from web.openapi import routes as openapi_routes
from web.portal.door import door_for_sessions
from web.portal.errors import error_page, wants_page
from web.portal.parts import open_parts
from web.portal.routes import add_portal
from web.responses.book import ResponseBook
from web.responses.store import ResponseStore
from web.secrets import Secrets
from web.usage import routes as usage_routes
from web.usage.asking import UsageDesk
from web.usage.ledger import Ledger
from web.usage.opening import gpu_desk, usage_desk
from web.usage.store import UsageStore

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

POLICY = Policy()

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> Flask:
    """The WSGI application; `app.extensions["kscope"]` is its `Background`, not yet started."""
    database = Database(settings.database_url, durable=False)
    clock = database.clock()
    secrets = Secrets(settings.data_dir)
    catalog = CatalogFile.for_settings(settings)
    store = InstanceStore(database)
    outlook = Outlook(database, store, OrderStore(database), catalog, secrets, clock, POLICY)
    authenticator = Authenticator(KeyStore(database, secrets), clock)
    desk = CallbackDesk(store, secrets, clock, settings.max_num_historic_records)
    counters = open_counters(settings)
    readiness = Readiness(
        database, store, catalog, clock, settings.min_update_interval_s, counters.state
    )

    app = Flask(__name__, static_folder=None, template_folder=None)
    # A path is ours or it is not: no redirect to a cleaner spelling, clients would drop the body.
    app.url_map.merge_slashes = False
    # Of what is left to Flask, only callbacks have a body.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.register_blueprint(openai_routes.create_blueprint(authenticator, outlook))
    app.register_blueprint(fleet_routes.create_blueprint(desk))
    app.register_blueprint(openapi_routes.create_blueprint(described()))
    usage, usage_aside = _add_usage(app, settings, authenticator, clock)
    _add_health(app, readiness)
    _add_metrics(app, settings, outlook, readiness, clock)
    _add_request_ids(app)
    _add_error_handlers(app)
    limiting, behind = _data_path(
        app, settings, database, clock, store, outlook, authenticator, counters
    )
    parts = open_parts(settings, clock, outlook, catalog, readiness, limiting, usage, usage_aside)
    add_portal(app, parts)
    # Who logs in from where: of a request's headers, only what an administrator's own proxy added.
    hops = settings.trusted_proxies
    pages = ProxyFix(app.wsgi_app, x_for=hops, x_proto=0, x_host=0, x_prefix=0)
    # In front of Flask; a request with a key never gets to the second door.
    by_session = behind(door_for_sessions(parts), pages)
    app.wsgi_app = behind(door_for_keys(authenticator), by_session)  # type: ignore[method-assign]
    return app


def _data_path(
    app: Flask,
    settings: Settings,
    database: Database,
    clock: Callable[[], datetime],
    store: InstanceStore,
    outlook: Outlook,
    authenticator: Authenticator,
    counters: Counters,
) -> tuple[Limiting, Callable[[Door, "WSGIApplication"], DataPath]]:
    """The limits that hold, and the routes to the engines behind a door, with the rest (see
    `DataPath`). What keeps them informed is the app's `Background`."""
    pool = EnginePool(
        TimeLimits(
            settings.upstream_connect_timeout_s,
            settings.upstream_first_byte_timeout_s,
            settings.upstream_stall_timeout_s,
        )
    )
    standing = Standing()
    demand = DemandNotebook(DemandStore(database), clock)
    book = ResponseBook(ResponseStore(database), clock)
    ledger = Ledger(UsageStore(database), clock)
    limiting = _limiting(settings, database, clock, counters, standing)
    forwarder = Forwarder(
        pool,
        standing,
        outlook,
        demand,
        book,
        limiting.gate,
        ledger.record,
        clock,
        max_concurrent=settings.max_concurrent_requests,
    )
    room = WaitingRoom(forwarder, outlook, settings.max_held_requests, settings.max_wait_s)
    attendance = Attendance(store, outlook, standing, pool, answers_with_a_token)
    app.extensions["kscope"] = Background(
        outlook, demand, authenticator, attendance, book, ledger, limiting
    )

    def behind(door: Door, rest: "WSGIApplication") -> DataPath:
        return DataPath(rest, door, forwarder, room, settings.max_request_body_mb)

    return limiting, behind


def _limiting(
    settings: Settings,
    database: Database,
    clock: Callable[[], datetime],
    counters: Counters,
    standing: Standing,
) -> Limiting:
    apart = Database(settings.database_url, durable=False)
    gpus = gpu_desk(settings, apart, clock)
    accounts = UsageAccounts(UsageStore(apart), Aside(), gpus.hours_by_subject)
    spending = Spending(accounts, clock)
    board = RuleBoard(LimitStore(database), spending)
    gate = Gate(board, counters, spending, standing, settings.web_concurrency)
    return Limiting(gate, board, counters)


def _add_usage(
    app: Flask,
    settings: Settings,
    authenticator: Authenticator,
    clock: Callable[[], datetime],
) -> tuple[UsageDesk, Aside]:
    # Its connections are used by one thread beside the event loop, and by nobody else.
    desk = usage_desk(settings, Database(settings.database_url, durable=False), clock)
    aside = Aside()
    app.register_blueprint(usage_routes.create_blueprint(authenticator, desk, aside, clock))
    return desk, aside


def _add_health(app: Flask, readiness: Readiness) -> None:
    def alive() -> Response:
        return Response(b'{"status":"ok"}', content_type=JSON)

    def ready() -> Response:
        parts = readiness.parts()
        ok = all(part.ok for part in parts.values())
        body = {"ready": ok, "parts": parts}
        return Response(msgspec.json.encode(body), 200 if ok else 503, content_type=JSON)

    app.add_url_rule("/health", "health", alive)
    app.add_url_rule("/ping", "ping", alive)
    app.add_url_rule("/ready", "ready", ready)


def _add_metrics(
    app: Flask,
    settings: Settings,
    outlook: Outlook,
    readiness: Readiness,
    clock: Callable[[], datetime],
) -> None:
    # Its connections are used by one thread beside the event loop, and by nobody else.
    database = Database(settings.database_url, durable=False)
    desk = MetricsDesk(database, outlook, readiness, clock)
    token = read_token(settings.metrics_token_file)
    trusts_proxies = settings.trusted_proxies > 0
    app.register_blueprint(
        metrics_routes.create_blueprint(desk, token, trusts_proxies=trusts_proxies)
    )


def _add_request_ids(app: Flask) -> None:
    @app.before_request
    def receive() -> None:
        g.received_at = time.perf_counter()
        g.request_id = headers.request_id(request.headers.get("x-request-id"))

    @app.after_request
    def answer(response: Response) -> Response:
        response.headers["x-request-id"] = g.request_id
        return response


def _add_error_handlers(app: Flask) -> None:
    """Whatever goes wrong leaves as the envelope, or as a page for who asked for one; nobody ever
    sees a traceback."""

    def tell(error: GatewayError) -> Response:
        if wants_page():
            return error_page(error)
        return Response(error_body(error), error.status, error_headers(error))

    @app.errorhandler(GatewayError)
    def refused(error: GatewayError) -> Response:
        return tell(error)

    @app.errorhandler(StorageError)
    def storage_failed(error: Exception) -> Response:
        log.error("the database failed a request: %s", error)
        return tell(DatabaseUnavailable())

    @app.errorhandler(HTTPException)
    def not_routed(error: HTTPException) -> Response:
        response = tell(from_status(error.code or 500, error.description or ""))
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After"):
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.exception("request %s failed", g.get("request_id"), exc_info=error)
        return tell(GatewayError("The gateway failed to handle this request; this is our fault."))
