"""What stands in the way of a start, found before it, each with what to do about it.

Looks only: nothing is made, changed or submitted.
"""

import ipaddress
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from slurm.cluster import Cluster
from slurm.errors import ClusterError, HostKeyRejected, ShellUnavailable
from web.catalog import CatalogError, read_catalog
from web.clock import utc_now
from web.config import ClusterKind, ConfigError, Settings
from web.config_login import LoginKind
from web.database import Database, StorageError, why
from web.identity.account_store import AccountStore
from web.identity.directory import DirectoryUnavailable
from web.identity.directory.opening import open_directory
from web.limits.limiting import CountersAway, look_at_counters
from web.secrets import FILE_NAME, Secrets, SecretsError


@dataclass(frozen=True, slots=True)
class Finding:
    """One look at one thing. `advice` is what to do; empty when all is well."""

    what: str
    ok: bool
    words: str
    advice: str = ""


def examine(
    environ: Mapping[str, str], open_cluster: Callable[[Settings], Cluster]
) -> Iterator[Finding]:
    """Every finding, in the order in which a start would meet them."""
    try:
        settings = Settings.from_env(environ)
    except ConfigError as error:
        for fault in error.faults:
            yield Finding("settings", False, fault, "set it right in the environment")
        return
    yield Finding("settings", True, f"the cluster is {settings.cluster.value}")
    yield from _catalog(settings)
    yield _data_dir(settings.data_dir)
    yield _secrets(settings.data_dir)
    yield _database(settings)
    yield from _directory(settings)
    yield from _limits(settings)
    if settings.cluster is ClusterKind.LOCAL:
        yield _local_programs()
        return
    yield from _ssh_files(settings)
    yield _squeue(settings, open_cluster)
    yield _callback_url(settings.telemetry_callback_url)


def _catalog(settings: Settings) -> Iterator[Finding]:
    try:
        catalog = read_catalog(settings.models_file, settings.job_defaults)
    except CatalogError as error:
        advice = f"mend {settings.models_file}; models.example.yaml shows how it is written"
        for fault in error.faults:
            yield Finding("catalog", False, fault, advice)
        return
    names = ", ".join(deployment.name for deployment in catalog)
    yield Finding("catalog", True, names or "no models")


def _data_dir(path: Path) -> Finding:
    if not path.exists():
        parent = next(parent for parent in path.parents if parent.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding("data dir", True, f"{path} will be made at the first start")
        return Finding("data dir", False, f"{path} cannot be made in {parent}",
                       f"make it and give it to this user: install -d -m 700 {path}")  # fmt: skip
    if not path.is_dir() or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data dir", False, f"{path} is no directory that this user can write in",
                       f"give {path} to this user, or name another as DATA_DIR")  # fmt: skip
    if stat.S_IMODE(path.stat().st_mode) & 0o022:
        return Finding("data dir", False, f"others can write in {path}", f"chmod go-w {path}")
    return Finding("data dir", True, str(path))


def _secrets(data_dir: Path) -> Finding:
    if not (data_dir / FILE_NAME).exists():
        return Finding("secrets", True, "will be made at the first start")
    try:
        secrets = Secrets(data_dir)
    except SecretsError as error:
        return Finding("secrets", False, str(error), "see there")
    return Finding("secrets", True, f"{len(secrets.versions)} in {data_dir / FILE_NAME}")


def _database(settings: Settings) -> Finding:
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    if settings.database_url.startswith("sqlite:///") and not file.exists():
        return Finding("database", True, f"{file} will be made at the first start")
    database = Database(settings.database_url)
    try:
        database.versions()
    except StorageError as error:
        words = " ".join(str(why(error)).split())
        # What every database says of a table that is not there names it.
        if "versions" in words:
            return Finding("database", True, "answers; its tables are made at the first start")
        return Finding("database", False, words, "see that DATABASE_URL is right, the server is up "
                       "and this user may write")  # fmt: skip
    finally:
        database.close()
    return Finding("database", True, "answers")


def _directory(settings: Settings) -> Iterator[Finding]:
    """Asks for a user whom nobody has, which takes all that a login takes but a password."""
    if settings.login is LoginKind.LOCAL:
        return
    where = settings.ldap_url or settings.htpasswd_file
    database = Database(settings.database_url)
    try:
        directory = open_directory(settings, AccountStore(database), utc_now)
        list(directory.lookup_each(["kscope-doctor"]))
    except ConfigError as error:
        for fault in error.faults:
            yield Finding("directory", False, fault, "set it right in the environment")
    except DirectoryUnavailable as error:
        advice = "nobody can log in until this is right; keys that were made go on working"
        yield Finding("directory", False, str(error), advice)
    else:
        yield Finding("directory", True, f"{where} can be asked")
    finally:
        database.close()


def _limits(settings: Settings) -> Iterator[Finding]:
    try:
        words = look_at_counters(settings)
    except ConfigError as error:
        yield from (Finding("limits", False, fault, "install it") for fault in error.faults)
    except CountersAway as error:
        advice = "until then each process counts for itself, and lets through its share"
        yield Finding("limits", False, str(error), advice)
    else:
        if words:
            yield Finding("limits", True, words)


def _local_programs() -> Finding:
    missing = [name for name in ("bash", "python3") if shutil.which(name) is None]
    if missing:
        words = f"not on PATH: {', '.join(missing)}"
        return Finding("cluster", False, words, "install what is missing: local jobs need it")
    return Finding("cluster", True, "jobs run as child processes of this host")


def _ssh_files(settings: Settings) -> Iterator[Finding]:
    if settings.ssh_host is None:
        return
    key = settings.ssh_key_file
    if key is not None and not os.access(key, os.R_OK):
        yield Finding("ssh key", False, f"{key} cannot be read", "see that SSH_KEY_FILE is right")
    elif key is not None and stat.S_IMODE(key.stat().st_mode) & 0o077:
        yield Finding("ssh key", False, f"others can read {key}", f"chmod 600 {key}")
    known_hosts = settings.ssh_known_hosts_file or Path("~/.ssh/known_hosts").expanduser()
    if not os.access(known_hosts, os.R_OK):
        words = f"{known_hosts} cannot be read, so no login node is known"
        yield Finding("ssh known hosts", False, words, _COMPARE_HOST_KEY)


_COMPARE_HOST_KEY = (
    "get the login node's host key with ssh-keyscan, compare its fingerprint (ssh-keygen -lf) with "
    "what the cluster's administrators say, and put it into SSH_KNOWN_HOSTS_FILE"
)


def _squeue(settings: Settings, open_cluster: Callable[[Settings], Cluster]) -> Finding:
    cluster = open_cluster(settings)
    where = f"{settings.ssh_username}@{settings.ssh_host}" if settings.ssh_host else "this host"
    try:
        jobs = cluster.list_jobs()
    except ClusterError as error:
        return Finding("cluster", False, f"{where}: {error}", _advice(error, settings))
    finally:
        cluster.close()
    return Finding("cluster", True, f"squeue answers on {where}; {len(jobs)} jobs of ours")


def _advice(error: ClusterError, settings: Settings) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, HostKeyRejected):
        return _COMPARE_HOST_KEY
    if isinstance(cause, ShellUnavailable) and settings.ssh_host:
        key = f"-i {settings.ssh_key_file} " if settings.ssh_key_file else ""
        login = f"{settings.ssh_username}@{settings.ssh_host}"
        return f"see why this fails: ssh {key}-p {settings.ssh_port} {login} squeue --me"
    if isinstance(cause, ShellUnavailable):
        return "install Slurm's client commands here, or set SSH_HOST to a host that has them"
    return "run `squeue --me` there by hand: the gateway needs it to work"


def _callback_url(url: str) -> Finding:
    host = urlsplit(url).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if loopback:
        advice = "set TELEMETRY_CALLBACK_URL to a URL of this host that compute nodes can reach"
        return Finding("callback URL", False, f"no compute node can reach {url}", advice)
    return Finding("callback URL", True, f"{url}, which compute nodes must be able to reach")
