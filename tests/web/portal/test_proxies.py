"""From where somebody logs in, with proxies of the administrator's in front, or none."""

from pathlib import Path

import pytest

from tests.web.in_process import in_process
from tests.web.portal.browsing import Browser
from web.audit.store import AuditLog, Wanted
from web.clock import utc_now
from web.identity.passwords import hash_password

PASSWORD = "correct horse battery"
FORGED = "6.6.6.6, 192.0.2.7"


@pytest.mark.parametrize(
    ("trusted", "origin"),
    [("0", "127.0.0.1"), ("1", "192.0.2.7"), ("2", "6.6.6.6")],
)
def test_a_login_comes_from_where_the_last_trusted_proxy_saw_it(
    tmp_path: Path, trusted: str, origin: str
) -> None:
    gateway = in_process(tmp_path, {"TRUSTED_PROXIES": trusted})
    hashed = hash_password(PASSWORD)
    gateway.accounts.create("ada", "local", password_hash=hashed, now=utc_now())

    Browser(gateway).log_in("ada", PASSWORD, X_Forwarded_For=FORGED)

    (entry,) = AuditLog(gateway.database).query(Wanted(action="login"))
    gateway.database.close()
    assert entry.origin == origin
