"""The pages that only show: overview, orphans, warm windows, audit log, who uses what."""

from datetime import timedelta

import pytest

from tests.web.fleet.worlds import ID
from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.audit.store import AuditLog, Wanted
from web.clock import utc_now
from web.fleet.order_store import OrderStore
from web.fleet.orders import OrderKind
from web.fleet.orphans import Orphan
from web.fleet.states import InstanceState, Load
from web.fleet.store import FleetStore
from web.lock.store import FleetLock
from web.usage.lines import Batch, Line, LineKey
from web.usage.store import UsageStore


@pytest.fixture
def fleet(gateway: InProcess) -> FleetStore:
    lock = FleetLock(gateway.database, "host:77", life_s=600)
    lock.acquire(utc_now())
    return FleetStore(gateway.database, lock)


def orphan(job_id: str, *, ours: bool) -> Orphan:
    now = utc_now()
    name = f"kscope-{ID}"
    return Orphan("slurm", job_id, name, "RUNNING", "n1", ours, now - timedelta(hours=2), now)


def test_the_overview_tells_of_the_last_squeue_and_who_leads(
    fleet: FleetStore, root: Browser
) -> None:
    fleet.record_look("slurm", utc_now() - timedelta(seconds=4), 120.4, None)

    text = root.get("/admin").text

    assert "slurm: last squeue 4 s ago, 120 ms" in text
    assert "host:77 holds the lock" in text
    assert "answers, in" in text
    assert "Nothing: no model is broken" in text


def test_the_overview_tells_what_is_not_well(fleet: FleetStore, root: Browser) -> None:
    fleet.record_look("slurm", utc_now(), 10_000, "squeue: Unable to contact <controller>")

    text = root.get("/admin/now").text

    assert "not well" in text
    assert "squeue: Unable to contact &lt;controller&gt;" in text


def test_the_overview_names_what_waits_for_a_person(gateway: InProcess, root: Browser) -> None:
    gateway.add(InstanceState.UNREADY, model="cold")
    lock = FleetLock(gateway.database, "host:78", life_s=600)
    lock.acquire(utc_now() + timedelta(hours=2))
    FleetStore(gateway.database, lock).record_orphans("slurm", (orphan("7", ours=False),))
    given = utc_now() - timedelta(minutes=1)
    OrderStore(gateway.database).give(OrderKind.DRAIN, "cold", None, "root", given)

    text = root.get("/admin/now").text

    assert f"instance {ID} of cold does not answer" in text
    assert "a job carries our name, and nobody knows whose it is" in text
    assert "(drain cold) waits" in text


def test_orphans_are_listed_with_what_to_do(fleet: FleetStore, root: Browser) -> None:
    fleet.record_orphans("slurm", (orphan("7", ours=False), orphan("8", ours=True)))

    text = root.get("/admin/orphans").text

    assert "2 orphaned jobs" in text
    assert "scancel 7" in text
    assert "scancel 8" not in text
    assert "the fleet process ends it by itself" in text


def test_without_orphans_the_page_says_as_of_when(fleet: FleetStore, root: Browser) -> None:
    never = root.get("/admin/orphans").text
    fleet.record_look("slurm", utc_now(), 10, None)

    assert "The cluster has not been looked at yet." in never
    assert "There are no orphaned jobs." in root.get("/admin/orphans").text


def test_without_warm_windows_the_page_says_so(root: Browser) -> None:
    assert "No model is kept warm." in root.get("/admin/warm").text


def test_the_audit_log_is_filtered_and_paged(gateway: InProcess, root: Browser) -> None:
    log, now = AuditLog(gateway.database), utc_now()
    for number in range(120):
        log.record("ada", "10.0.0.1", "key.create", f"key{number}", {"n": number}, now)
    log.record("eve", "10.0.0.2", "login.failed", "", {"why": "<b>"}, now)

    first = root.get("/admin/audit?actor=ada").text
    older = root.get(f"/admin/audit?actor=ada&before={_last_id(log)}").text

    assert first.count("key.create</code>") == 50
    assert "10.0.0.2" not in first
    assert "key119" in first
    assert "key69<" not in first
    assert "key69" in older
    assert "Newest" in older
    assert "why: &lt;b&gt;" in root.get("/admin/audit?action=login.failed").text
    assert "key0<" in root.get("/admin/audit?subject=key0").text
    assert "No entry is like that." in root.get("/admin/audit?action=key.c").text


def _last_id(log: AuditLog) -> int:
    return log.query(Wanted(actor="ada"), 50)[-1].id


def test_the_audit_log_is_filtered_by_whole_days(gateway: InProcess, root: Browser) -> None:
    log, now = AuditLog(gateway.database), utc_now()
    log.record("ada", "", "key.create", "today", {}, now)
    log.record("ada", "", "key.create", "longago", {}, now - timedelta(days=40))
    today = now.strftime("%Y-%m-%d")

    assert "today" in root.get(f"/admin/audit?since={today}&until={today}").text
    assert "longago" not in root.get("/admin/audit?since=30d").text
    assert "longago" in root.get("/admin/audit?until=30d").text


def test_a_time_that_is_none_is_told_in_words(root: Browser) -> None:
    answer = root.get("/admin/audit?since=yesterday")

    assert answer.status_code == 200
    assert "is no time: write it like" in answer.text


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "²"])
def test_junk_in_the_address_of_the_audit_log_is_the_first_page(root: Browser, before: str) -> None:
    assert root.get(f"/admin/audit?before={before}").status_code == 200


def test_who_uses_what_tells_of_now_and_of_the_last_hour(gateway: InProcess, root: Browser) -> None:
    gateway.add(InstanceState.READY, model="cold", load=Load(5, 2, 0.37), ready_at=utc_now())
    hour = utc_now().replace(minute=0, second=0, microsecond=0)
    lines = (
        (LineKey(hour, "k1", "cold", "ada"), Line(3, 1, 0, 1000, 0, 234)),
        (LineKey(hour - timedelta(days=1), "k2", "cold", "eve"), Line(3, 0, 0, 9, 0, 9)),
    )
    UsageStore(gateway.database).add("test", Batch(1, lines), utc_now())

    text = root.get("/admin/use").text

    assert "37 %" in text
    assert "1,234" in text
    assert "name=ada" in text
    assert "name=eve" not in text
    assert "37 %" in root.get("/admin/use/now").text


def test_an_idle_hour_is_told(root: Browser) -> None:
    text = root.get("/admin/use").text

    assert "No instance serves just now." in text
    assert "Nobody has asked anything" in text
