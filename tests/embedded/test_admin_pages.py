"""Administration in a browser beside a running gateway: an order is carried out and told of, a log
comes from the cluster by way of the fleet process."""

import html
import re
import subprocess
import sys
import threading

import pytest
import requests

from tests.embedded.conftest import ENTRY, MODEL
from tests.gateway_process import REPOSITORY, Gateway
from tests.waiting import wait_until

PASSWORD = "correct horse battery"
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
INSTANCE = re.compile(r"/admin/instances/one\?id=([a-z0-9]{10})")


class Admin:
    """An administrator's browser, logged in by the form."""

    def __init__(self, gateway: Gateway) -> None:
        argv = [sys.executable, "-m", "web.cli", "users", "create", "root", "--admin"]
        subprocess.run(
            [*argv, "--password"],
            cwd=REPOSITORY,
            env=gateway.env,
            input=PASSWORD + "\n",
            text=True,
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )
        self._gateway = gateway
        self._session = requests.Session()
        self._session.headers["Accept"] = "text/html"
        self.csrf = ""
        self.csrf = CSRF.findall(self.get("/login"))[0]
        self.post("/login", user="root", password=PASSWORD)
        self.csrf = CSRF.findall(self.get("/admin/users/new"))[0]

    def get(self, path: str) -> str:
        answer = self._session.get(self._gateway.base_url + path, timeout=10)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def post(self, path: str, **fields: str) -> str:
        """The page that the deed leads to."""
        fields["csrf"] = self.csrf
        answer = self._session.post(self._gateway.base_url + path, data=fields, timeout=10)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def served(make_gateway):
    """A gateway whose model is ready."""
    gateway = make_gateway({**ENTRY, "min_instances": 1, "drain_timeout": "60s"})
    wait_until(lambda: gateway.model(MODEL)["state"] == "ready", 60, "the model is ready")
    return gateway


@pytest.fixture
def admin(served):
    admin = Admin(served)
    yield admin
    admin.close()


def only_instance(admin: Admin) -> str:
    return INSTANCE.findall(admin.get("/admin/instances/table"))[0]


def test_a_log_is_read_by_the_fleet_process_and_shown(served: Gateway, admin: Admin) -> None:
    instance_id = only_instance(admin)
    state = f"/admin/instances/one/state?id={instance_id}"

    asked = admin.post("/admin/instances/log", id=instance_id)
    wait_until(lambda: "The end of what its job printed" in admin.get(state), 15, "the log")

    assert "The end of the log" in admin.get(state)
    assert instance_id in asked
    text = served.cli("models", "logs", MODEL)
    line = next(each for each in text.splitlines() if each.strip())
    assert line.strip() in html.unescape(admin.get(state))
    (entry,) = [e for e in served.cli("audit", "--action", "log.read").splitlines() if "root" in e]
    assert instance_id in entry


def test_a_drain_ends_the_instance_once_its_request_is_done_and_the_page_tells(
    served: Gateway, admin: Admin
) -> None:
    instance_id = only_instance(admin)
    failed: list[Exception] = []
    begun, enough = threading.Event(), threading.Event()

    def ask() -> None:
        try:
            while not enough.is_set():
                served.client(max_retries=20).chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": "hello"}], max_tokens=20
                )
                begun.set()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(30)
    told = admin.post("/admin/orders", kind="drain", instance=instance_id)

    def page() -> str:
        return admin.get("/admin/instances/table?show=all")

    wait_until(lambda: "one instance is being drained; it is over now" in page(), 60, "the end")
    enough.set()
    thread.join(60)

    assert re.search(rf"Order \d+ is given: drain {instance_id}", told)
    assert failed == []
    assert "an administrator ended it" in page()
    assert "instance.drain" in served.cli("audit", "--actor", "root", "--action", "instance")


def test_the_overview_tells_when_squeue_was_asked_last(served: Gateway, admin: Admin) -> None:
    text = admin.get("/admin")

    assert re.search(r"local: last squeue \d+ s ago, \d+ ms", text)
    assert "not well" not in text
