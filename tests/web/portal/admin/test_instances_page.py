"""Instances, orders for them and what becomes of those; and their logs."""

from datetime import timedelta
from html import unescape

import pytest

from tests.web.fleet.worlds import ID
from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.audit.store import AuditLog, Wanted
from web.clock import utc_now
from web.fleet.log_store import LogStore
from web.fleet.order_store import OrderStore
from web.fleet.orders import OrderKind
from web.fleet.states import EndReason, InstanceState, Load
from web.fleet.store import FleetStore
from web.lock.store import FleetLock

S = InstanceState


@pytest.fixture
def orders(gateway: InProcess) -> OrderStore:
    return OrderStore(gateway.database)


def fleet(gateway: InProcess) -> FleetStore:
    lock = FleetLock(gateway.database, "test:2", life_s=600)
    lock.acquire(utc_now() + timedelta(hours=1))
    return FleetStore(gateway.database, lock)


def test_the_page_shows_models_that_run_and_on_demand_all(
    gateway: InProcess, root: Browser
) -> None:
    gateway.add(S.READY, model="cold", load=Load(3, 2))

    busy, every = root.get("/admin/instances").text, root.get("/admin/instances?show=all").text

    assert f"id={ID}" in busy
    assert "gpu1" in busy
    assert "3 + 2 waiting" in busy
    assert ">lab " not in busy
    assert ">lab " in every


def test_an_idle_gateway_says_so(root: Browser) -> None:
    assert "Nothing runs, and nothing is broken." in root.get("/admin/instances").text


def test_the_live_part_says_again_what_the_page_says_and_304_while_it_does(
    gateway: InProcess, root: Browser
) -> None:
    ended = utc_now() - timedelta(days=1)
    gateway.add(S.STOPPED, model="cold", ended_at=ended, end_reason=EndReason.IDLE)

    first = root.get("/admin/instances/table?show=all&q=cold")
    second = root.get("/admin/instances/table?show=all&q=cold", If_None_Match=first.headers["ETag"])

    assert "nobody used it for a while" in first.text
    assert "<html" not in first.text
    assert second.status_code == 304


def test_why_a_job_waits_is_told_with_slurms_own_word(gateway: InProcess, root: Browser) -> None:
    gateway.add(S.PENDING, model="cold", slurm_state="PENDING", slurm_reason="Priority")

    text = root.get("/admin/instances").text

    assert "(Slurm: Priority)" in text
    assert text.count("Priority") >= 1
    assert "queued" in text


def test_an_instance_of_a_model_that_left_the_catalog_is_within_reach(
    gateway: InProcess, root: Browser, orders: OrderStore, told
) -> None:
    gateway.add(S.READY, model="gone/model")

    text = root.get("/admin/instances").text
    told(root.post("/admin/orders", {"kind": "drain", "model": "gone/model"}))

    assert "has left the catalog" in text
    assert [o.model for o in orders.open()] == ["gone/model"]


def test_a_drain_is_an_order_and_the_page_shows_what_becomes_of_it(
    gateway: InProcess, root: Browser, orders: OrderStore, noted, told
) -> None:
    gateway.add(S.READY, model="cold")

    text = told(root.post("/admin/orders", {"kind": "drain", "instance": ID}))
    (order,) = orders.open()
    before = root.get("/admin/instances/table").text
    fleet(gateway).fulfil(order.id, "one instance is being drained", utc_now())
    after = root.get("/admin/instances/table").text

    assert f"Order {order.id} is given: drain {ID}." in text
    assert (order.kind, order.model, order.instance_id) == (OrderKind.DRAIN, "cold", ID)
    assert "not yet carried out" in before
    assert "one instance is being drained; it is ready now" in after
    entry = noted("order.drain")
    assert (entry.subject, entry.detail) == (ID, {"order": order.id})
    assert orders.find(order.id).given_by == "root"


def test_before_a_stop_the_server_asks_and_says_how_many_requests_it_costs(
    gateway: InProcess, root: Browser, orders: OrderStore, noted
) -> None:
    gateway.add(S.READY, model="cold", load=Load(4, 1))

    asked = root.post("/admin/orders", {"kind": "stop", "model": "cold"})
    before = orders.open()
    root.post("/admin/orders", {"kind": "stop", "model": "cold", "sure": "yes"})

    assert f"Really stop the instance {ID} of cold at once? 5 requests are cut off." in asked.text
    assert before == ()
    assert [(o.kind, o.instance_id) for o in orders.open()] == [(OrderKind.STOP, None)]
    assert noted("order.stop").subject == "cold"


def test_a_model_is_tried_again_by_an_order(root: Browser, orders: OrderStore, noted) -> None:
    root.post("/admin/orders", {"kind": "retry", "model": "cold"})

    assert [o.kind for o in orders.open()] == [OrderKind.RETRY]
    assert noted("order.retry").subject == "cold"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "drain", "model": "nothing"}, "No model is called “nothing”."),
        ({"kind": "drain", "model": ""}, "No model is called"),
        ({"kind": "drain", "model": "chilly"}, "No model is called “chilly”."),
        ({"kind": "delete", "model": "cold"}, "An order is to drain, to stop or to retry."),
        ({"kind": "retry", "instance": ID}, "is for a model, not for one of its instances"),
    ],
)
def test_an_order_for_nothing_is_not_given(
    gateway: InProcess, root: Browser, orders: OrderStore, fields: dict[str, str], words: str
) -> None:
    gateway.add(S.READY, model="cold")
    answer = root.get(root.post("/admin/orders", fields).headers["Location"])

    assert words in answer.text
    assert orders.open() == ()
    assert not AuditLog(gateway.database).query(Wanted(action="order"))


def test_an_order_for_what_is_over_or_unknown_is_not_given(
    gateway: InProcess, root: Browser, orders: OrderStore, told
) -> None:
    gateway.add(S.STOPPED, model="cold", ended_at=utc_now(), end_reason=EndReason.IDLE)

    over = told(root.post("/admin/orders", {"kind": "drain", "instance": ID}))
    root.post("/admin/orders", {"kind": "drain", "instance": "nosuchinst"})

    assert f"Instance {ID} is over already: nobody used it for a while." in over
    assert orders.open() == ()


def test_a_log_is_asked_for_comes_by_itself_and_its_reading_is_written_down(
    gateway: InProcess, root: Browser, noted
) -> None:
    gateway.add(S.READY, model="cold")
    page = f"/admin/instances/one?id={ID}"
    store = LogStore(gateway.database)

    before = root.get(page).text
    answer = root.post("/admin/instances/log", {"id": ID})
    meanwhile = root.get(page).text
    store.answer(ID, "engine says <b>hello</b>\n", "", utc_now())
    after = root.get(f"/admin/instances/one/state?id={ID}").text

    assert "Read the log" in before
    assert answer.headers["Location"] == f"{page}#log"
    assert "It is being read from the cluster" in meanwhile
    assert "Read the log" not in meanwhile
    assert "engine says &lt;b&gt;hello&lt;/b&gt;" in after
    assert "Read again" in after
    assert noted("log.read").subject == ID


@pytest.mark.parametrize(
    ("cluster", "told"),
    [("local", "on the gateway's own host, without Slurm"), ("hpc", "of Slurm, on hpc")],
)
def test_where_a_job_runs_is_told(gateway: InProcess, root: Browser, cluster, told) -> None:
    gateway.add(S.READY, model="cold", cluster=cluster)

    assert told in unescape(root.get(f"/admin/instances/one?id={ID}").text)


def test_why_there_is_no_log_is_told(gateway: InProcess, root: Browser) -> None:
    gateway.add(S.READY, model="cold")
    store = LogStore(gateway.database)
    store.ask(ID, utc_now())
    store.answer(ID, "", "tail: cannot open", utc_now())

    text = root.get(f"/admin/instances/one?id={ID}").text

    assert "It could not be read: tail: cannot open" in text


def test_while_somebody_looks_the_log_is_read_again_until_the_instance_is_over(
    gateway: InProcess, root: Browser
) -> None:
    gateway.add(S.READY, model="cold")
    store, past = LogStore(gateway.database), utc_now() - timedelta(seconds=30)
    store.ask(ID, past)
    store.answer(ID, "text", "", past)

    root.get(f"/admin/instances/one/state?id={ID}")

    assert store.awaited() == (ID,)


def test_an_unknown_instance_has_no_page_and_no_log(gateway: InProcess, root: Browser) -> None:
    assert root.get("/admin/instances/one?id=nosuchinst").status_code == 404
    assert root.get("/admin/instances/one/state?id=nosuchinst").status_code == 404
    assert root.post("/admin/instances/log", {"id": "nosuchinst"}).status_code == 404
    assert LogStore(gateway.database).awaited() == ()
