"""gunicorn, configured: one gevent worker per WEB_CONCURRENCY, each with its own application."""

import gc
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from web.app import create_app
from web.config import Settings
from web.gevent_worker import GatewayWorker

KEEP_ALIVE_S = 75
GRACEFUL_TIMEOUT_S = 38
WORKER_CONNECTIONS = 100_000
BACKLOG = 8192


class InheritedLogger(Logger):  # type: ignore[misc]
    """gunicorn's log lines go where all others go, in the same form; requests are not logged."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.access_log.disabled = True


class GatewayServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.client_timeout_s = settings.client_write_timeout_s
        super().__init__()

    def load_config(self) -> None:
        host, port = self._settings.proxy_host, self._settings.proxy_port
        options: dict[str, Any] = {
            "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "workers": self._settings.web_concurrency,
            "worker_class": GatewayWorker,
            "worker_connections": WORKER_CONNECTIONS,
            "backlog": BACKLOG,
            "keepalive": KEEP_ALIVE_S,
            # The arbiter's: after that it kills. Its workers end a little earlier by themselves.
            "graceful_timeout": GRACEFUL_TIMEOUT_S,
            # A worker's silence means nothing here: each request has time limits of its own.
            "timeout": 0,
            "proc_name": "kscope",
            "post_worker_init": _start_background,
            "worker_exit": _stop_background,
            "logger_class": InheritedLogger,
            "control_socket_disable": True,
            # Whoever asks from this machine is a client like any other: a header of its moves no
            # path and no scheme (SCRIPT_NAME, X-Forwarded-Proto).
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            # With nothing to move, everybody is trusted: no address is compared with a list.
            "forwarded_allow_ips": "*",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        return create_app(self._settings)


def _start_background(worker: Any) -> None:
    worker.wsgi.extensions["kscope"].start()
    # What was made so far stays: a full collection would stop all streams for 20 ms to find out.
    gc.collect()
    gc.freeze()


def _stop_background(_server: Any, worker: Any) -> None:
    # A worker that failed to start has no application.
    if worker.wsgi is not None:
        worker.wsgi.extensions["kscope"].stop()
