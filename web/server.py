"""The parent: migrations, then the gateway process and the fleet process, restarted if they die.

Each child has its own process group, so Ctrl-C reaches the parent alone and the children are
stopped in order; each dies with the parent, so `kill -9` of the parent leaves nothing behind.
The jobs are nobody's children: they stay, and the next start adopts them.
"""

import argparse
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from web.catalog.file import CatalogFile
from web.catalog.loader import CatalogError
from web.config import ConfigError, Settings
from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.directory.opening import open_directory
from web.limits.limiting import check_counters
from web.logs import configure_logging
from web.secrets import Secrets, SecretsError

GATEWAY = (sys.executable, "-m", "web.gateway")
FLEET = (sys.executable, "-m", "web.fleet.process")
RESTART_BASE_S = 0.5
RESTART_CAP_S = 30.0
CALM_S = 60.0
STOP_TIMEOUT_S = 40.0
POLL_S = 0.2
PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Child:
    """One child process and how often it died lately."""

    argv: Sequence[str]
    environ: dict[str, str] = field(repr=False)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    start_at: float = 0.0

    def keep_running(self, now: float) -> None:
        """Start the child if it is not there and its pause is over."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self.process = None
            self.deaths = 1 if now - self.started_at > CALM_S else self.deaths + 1
            pause_s = min(RESTART_BASE_S * 2 ** min(self.deaths - 1, 10), RESTART_CAP_S)
            self.start_at = now + pause_s
            log.error("%s ended (code %s), starts again in %.1f s", self.name, code, pause_s)
        if now >= self.start_at:
            self.process = subprocess.Popen(
                self.argv,
                env=self.environ,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - the parent has no other threads here
            )
            self.started_at = now

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, timeout_s: float) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop in time: killed", self.name)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def name(self) -> str:
        return self.argv[-1]


def main(argv: Sequence[str] | None = None) -> None:
    """Run until SIGINT or SIGTERM. Exits with 2 and every fault named if it cannot start."""
    environ = {**os.environ, **_options(argv)}
    # Database, secrets, logs of jobs: all of it is the service account's own business.
    os.umask(0o077)
    try:
        settings = Settings.from_env(environ)
        configure_logging(settings)
        _prepare(settings)
    except (ConfigError, CatalogError, SecretsError) as error:
        sys.exit(f"kscope: {error}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    log.info("serving %s/v1", settings.proxy_base_url)
    supervise([Child(FLEET, environ), Child(GATEWAY, environ)], stop)
    log.info("stopped; the jobs go on and are adopted by the next start")


def supervise(children: Sequence[Child], stop: threading.Event) -> None:
    while not stop.wait(POLL_S):
        for child in children:
            child.keep_running(time.monotonic())
    for child in children:
        child.stop()
    for child in children:
        child.wait(STOP_TIMEOUT_S)


def _options(argv: Sequence[str] | None) -> dict[str, str]:
    """Command-line options win over the environment; they travel to the children through it."""
    parser = argparse.ArgumentParser(prog="python3 -m web.openai_proxy.routes")
    names = {
        "--host": "PROXY_HOST",
        "--port": "PROXY_PORT",
        "--workers": "WEB_CONCURRENCY",
        "--log-level": "LOG_LEVEL",
    }
    for option, variable in names.items():
        parser.add_argument(option, dest=variable, help=f"instead of {variable}")
    given = vars(parser.parse_args(argv))
    return {name: value for name, value in given.items() if value is not None}


def _prepare(settings: Settings) -> None:
    """Whatever can be wrong is found here, before a child starts."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    CatalogFile.for_settings(settings).current()
    Secrets(settings.data_dir)
    check_counters(settings)
    database = Database(settings.database_url)
    database.migrate()
    open_directory(settings, AccountStore(database), database.clock())
    database.close()


def _die_with_parent() -> None:
    if sys.platform == "linux":
        # QUIT: gunicorn then closes its port at once, so that the next start can have it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
