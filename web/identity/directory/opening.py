"""The directory that the settings ask for, and the login over it."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from web.audit.store import AuditLog
from web.config import ConfigError, Settings
from web.config_login import LoginKind
from web.database import Database
from web.identity.account_store import AccountStore
from web.identity.directory import Beside, Directory, DirectoryUnavailable, at_once
from web.identity.directory.local import LocalDirectory
from web.identity.directory.password_file import read_password
from web.identity.login import Login
from web.identity.throttle import Throttle
from web.identity.throttle_store import FailureStore
from web.secrets import Secrets

log = logging.getLogger(__name__)


def open_directory(
    settings: Settings,
    accounts: AccountStore,
    clock: Callable[[], datetime],
    beside: Beside = at_once,
) -> Directory:
    """Asks nobody yet. Raises ConfigError for what a look at this host can tell to be wrong."""
    try:
        if settings.login is LoginKind.LDAP:
            return _ldap(settings, clock)
        if settings.login is LoginKind.HTPASSWD:
            return _htpasswd(settings, beside)
    except ModuleNotFoundError as error:
        extra = settings.login.value
        raise ConfigError(
            (f"LOGIN: {extra} needs a library that is not installed ({error.name}): "
             f"pip install 'kscope-gateway[{extra}]'",)
        ) from error  # fmt: skip
    return LocalDirectory(accounts, beside)


def open_login(settings: Settings, database: Database, beside: Beside) -> Login:
    """One for each process that lets people in. Raises ConfigError."""
    accounts, clock, secrets = AccountStore(database), database.clock(), Secrets(settings.data_dir)
    directory = open_directory(settings, accounts, clock, beside)
    local = LocalDirectory(accounts, beside)
    digest = partial(secrets.digest, "login-throttle")
    throttle = Throttle(FailureStore(database), digest, clock)
    return Login(directory, local, accounts, throttle, AuditLog(database), clock)


def _ldap(settings: Settings, clock: Callable[[], datetime]) -> Directory:
    from web.identity.directory.ldap import LdapDirectory

    faults = []
    if settings.ldap_ca_file is not None and not settings.ldap_ca_file.is_file():
        faults.append(f"LDAP_CA_FILE: {settings.ldap_ca_file}: no such file")
    if settings.ldap_bind_password_file is not None:
        try:
            read_password(settings.ldap_bind_password_file)
        except DirectoryUnavailable as error:
            faults.append(f"LDAP_BIND_PASSWORD_FILE: {error}")
    if faults:
        raise ConfigError(tuple(faults))
    if not settings.ldap_start_tls and (settings.ldap_url or "").startswith("ldap:"):
        log.warning("LDAP_START_TLS is false: passwords travel in clear to %s", settings.ldap_url)
    return LdapDirectory(settings, clock)


def _htpasswd(settings: Settings, beside: Beside) -> Directory:
    from web.identity.directory.htpasswd import HtpasswdDirectory

    path = settings.htpasswd_file or Path()
    if not path.is_file():
        raise ConfigError((f"HTPASSWD_FILE: {path}: no such file",))
    return HtpasswdDirectory(path, beside)
