"""The gateway's settings, read once from the environment and passed on from there.

Each field carries its variable's name, default and meaning; `config.example.env` is held equal.
"""

import enum
import socket
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from web.config_login import LoginSettings, login_faults
from web.config_values import (
    COUNTERS,
    CURRENCY,
    DATABASE,
    HOST,
    HTTP_URL,
    PATH,
    PRICE,
    SLURM_WORD,
    USER,
    Setting,
    Values,
    choice,
    env,
    seconds,
    whole,
)


class ClusterKind(enum.Enum):
    LOCAL = "local"
    SLURM = "slurm"


class LogLevel(enum.Enum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(enum.Enum):
    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class ConfigError(Exception):
    """Settings that cannot be used; `faults` names every one of them in words."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        lines = ("the environment has settings that cannot be used:", *faults)
        super().__init__("\n  ".join(lines))
        self.faults = faults


def _default_cluster(values: Values) -> ClusterKind:
    return ClusterKind.SLURM if values["ssh_host"] else ClusterKind.LOCAL


def _default_host(values: Values) -> str:
    return "127.0.0.1" if values["cluster"] is ClusterKind.LOCAL else "0.0.0.0"  # noqa: S104


def _default_base_url(values: Values) -> str:
    host = values["proxy_host"]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{values['proxy_port']}"


def _default_callback_url(values: Values) -> str:
    return f"{values['proxy_base_url']}/worker_callback"


def _default_database_url(values: Values) -> str:
    return f"sqlite:///{values['data_dir'] / 'kscope.db'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(LoginSettings):
    """All settings. Fields stand in the order in which derived defaults need them."""

    # fmt: off
    proxy_port: int = field(metadata=env("PROXY_PORT", whole(1, 65535), "25567",
        "Listening port."))
    ssh_host: str | None = field(metadata=env("SSH_HOST", HOST, "",
        "The login node on which sbatch and squeue run; empty: this host."))
    ssh_port: int = field(metadata=env("SSH_PORT", whole(1, 65535), "22",
        "The login node's SSH port."))
    ssh_username: str | None = field(metadata=env("SSH_USERNAME", USER, "",
        "The account that owns the jobs; required with SSH_HOST."))
    ssh_key_file: Path | None = field(metadata=env("SSH_KEY_FILE", PATH, "",
        "Private key for the login node; empty: the SSH agent and the default keys."))
    ssh_known_hosts_file: Path | None = field(metadata=env("SSH_KNOWN_HOSTS_FILE", PATH, "",
        "The trusted host keys, all others are refused; empty: ~/.ssh/known_hosts."))
    cluster: ClusterKind = field(metadata=env("CLUSTER", choice(ClusterKind),
        "slurm when SSH_HOST is set, else local",
        "Where jobs run: local (child processes of this host) or slurm (sbatch).",
        _default_cluster))
    worker_slurm_qos: str | None = field(metadata=env("WORKER_SLURM_QOS", SLURM_WORD, "",
        "Slurm QOS of every job that names no other."))
    worker_slurm_partition: str | None = field(metadata=env(
        "WORKER_SLURM_PARTITION", SLURM_WORD, "", "Slurm partition of every job that names none."))
    worker_slurm_account: str | None = field(metadata=env("WORKER_SLURM_ACCOUNT", SLURM_WORD, "",
        "Slurm account of every job that names no other."))
    min_update_interval_s: float = field(metadata=env(
        "MIN_UPDATE_INTERVAL_SECONDS", seconds(0.2, 3600), "10",
        "Least time between two looks at the cluster, and the workers' heartbeat interval."))
    proxy_host: str = field(metadata=env("PROXY_HOST", HOST,
        "127.0.0.1 with the local cluster, 0.0.0.0 with Slurm", "Listening address.",
        _default_host))
    proxy_base_url: str = field(metadata=env("PROXY_BASE_URL", HTTP_URL,
        "http://PROXY_HOST:PROXY_PORT, with this machine's name for 0.0.0.0",
        "The URL that users are shown.", _default_base_url))
    telemetry_callback_url: str = field(metadata=env("TELEMETRY_CALLBACK_URL", HTTP_URL,
        "PROXY_BASE_URL/worker_callback", "Where workers report; compute nodes must reach it.",
        _default_callback_url))
    web_concurrency: int = field(metadata=env("WEB_CONCURRENCY", whole(1, 256), "1",
        "Gateway worker processes."))
    upstream_connect_timeout_s: float = field(metadata=env(
        "UPSTREAM_CONNECT_TIMEOUT_SECONDS", seconds(0.1), "5",
        "Longest wait for a connection to an instance."))
    upstream_first_byte_timeout_s: float = field(metadata=env(
        "UPSTREAM_FIRST_BYTE_TIMEOUT_SECONDS", seconds(0.1), "600",
        "Longest wait for the first byte of an instance's answer."))
    upstream_stall_timeout_s: float = field(metadata=env(
        "UPSTREAM_STALL_TIMEOUT_SECONDS", seconds(0.1), "300",
        "Longest silence within an answer that has begun."))
    client_write_timeout_s: float = field(metadata=env(
        "CLIENT_WRITE_TIMEOUT_SECONDS", seconds(0.1), "300",
        "Longest time that a client may let its answer, or the rest of its body, wait."))
    max_request_body_mb: int = field(metadata=env("MAX_REQUEST_BODY_MB", whole(1, 4096), "64",
        "Largest request body, in MiB."))
    max_concurrent_requests: int = field(metadata=env(
        "MAX_CONCURRENT_REQUESTS", whole(1, 1_000_000), "20000",
        "Requests that one worker process forwards at once; more are told to come again."))
    max_held_requests: int = field(metadata=env("MAX_HELD_REQUESTS", whole(0, 100_000), "1000",
        "Requests that one worker process holds at once for clients that prefer to wait."))
    max_wait_s: float = field(metadata=env("MAX_WAIT_SECONDS", seconds(1, 86400), "600",
        "Longest time that a request is held, whatever its client prefers."))
    models_file: Path = field(metadata=env("MODELS_FILE", PATH, "models.yaml",
        "The catalog of models."))
    data_dir: Path = field(metadata=env("DATA_DIR", PATH, "var",
        "Database, generated secrets (0600) and files."))
    database_url: str = field(repr=False, metadata=env("DATABASE_URL", DATABASE,
        "SQLite in DATA_DIR", "A sqlite:/// or a postgresql:// URL.",
        _default_database_url, secret=True))
    max_num_historic_records: int = field(metadata=env(
        "MAX_NUM_HISTORIC_RECORDS", whole(1, 1_000_000), "360",
        "Telemetry records kept per instance."))
    api_key_ttl_days: int = field(metadata=env("API_KEY_TTL_DAYS", whole(1, 3650), "90",
        "Life of a new key, in days."))
    ratelimit_storage_uri: str = field(repr=False, metadata=env(
        "RATELIMIT_STORAGE_URI", COUNTERS, "memory://",
        "Where requests and tokens are counted for limits; several processes need a redis:// URL.",
        secret=True))
    gpu_hour_price: Decimal | None = field(metadata=env("GPU_HOUR_PRICE", PRICE, "",
        "What an hour of one GPU costs; empty: no costs are shown."))
    currency: str = field(metadata=env("CURRENCY", CURRENCY, "EUR",
        "The currency of GPU_HOUR_PRICE."))
    metrics_token_file: Path | None = field(metadata=env("METRICS_TOKEN_FILE", PATH, "",
        "A file (0600) with the token that /metrics asks for; empty: for this host alone."))
    log_level: LogLevel = field(metadata=env("LOG_LEVEL", choice(LogLevel), "info",
        "Least level that is logged: debug, info, warning or error."))
    log_format: LogFormat = field(metadata=env("LOG_FORMAT", choice(LogFormat), "auto",
        "console, json, or auto: console on a terminal, else json."))
    # fmt: on

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every setting; an empty variable is unset. Raises ConfigError with all faults."""
        values: dict[str, Any] = {}
        faults: list[str] = []
        for name, setting in settings():
            text = environ.get(setting.env, "").strip()
            try:
                values[name] = setting.parse(text) if text else setting.absent(values)
            except ValueError:
                faults.append(setting.fault(text))
                # So that what derives from it can still be looked at.
                values[name] = setting.absent(values)
        if values["ssh_host"] and not environ.get("SSH_USERNAME", "").strip():
            faults.append("SSH_USERNAME: not set, but SSH_HOST is; wanted is the account that "
                          "owns the jobs, e.g. SSH_USERNAME=llm")  # fmt: skip
        is_set = {s.env: bool(environ.get(s.env, "").strip()) for _, s in settings()}
        faults += login_faults(values, is_set)
        if faults:
            raise ConfigError(tuple(faults))
        return cls(**values)

    @property
    def job_defaults(self) -> dict[str, str]:
        """What deployments inherit: {"partition" | "qos" | "account": name}, set ones only."""
        named = {
            "partition": self.worker_slurm_partition,
            "qos": self.worker_slurm_qos,
            "account": self.worker_slurm_account,
        }
        return {key: value for key, value in named.items() if value is not None}


def settings() -> list[tuple[str, Setting]]:
    """(field name, Setting) of every field, in order."""
    found: tuple[Field[Any], ...] = fields(Settings)
    return [(each.name, each.metadata["setting"]) for each in found]
