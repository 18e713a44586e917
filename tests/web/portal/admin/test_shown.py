"""What pages for administrators show, computed without any gateway."""

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from tests.web.fleet.worlds import NOW, POLICY, ago, deployment, instance, later
from web.audit.entries import Entry
from web.catalog.loader import Catalog
from web.catalog.warm import WarmWindow
from web.fleet.log_store import LogTail
from web.fleet.order_store import OrderRecord
from web.fleet.orders import Order, OrderKind
from web.fleet.routing import Snapshot, build_snapshot
from web.fleet.states import EndReason, Instance, InstanceState, Load
from web.health import Part
from web.portal.shown.admin_audit import audit_page, wanted_of
from web.portal.shown.admin_health import Looked, glance, health_lines, remarks
from web.portal.shown.admin_instances import (
    Which,
    group_of,
    line_of,
    names_shown,
    order_line,
    stop_question,
)
from web.portal.shown.admin_logs import is_to_be_renewed, tail_part
from web.portal.shown.admin_states import badge_of, end_words
from web.portal.shown.admin_use import running_lines
from web.portal.shown.admin_users import refusal
from web.portal.shown.admin_warm import warm_lines
from web.portal.shown.paging import Paging, page_number, slice_of

S = InstanceState


def snapshot(*live: Instance, past: tuple[Instance, ...] = (), **changes: object) -> Snapshot:
    """The models m, as `changes` say, and n."""
    catalog = Catalog((deployment("m", **changes), deployment("n")))
    return build_snapshot(catalog, live, {"m": past}, lambda _: "", NOW, POLICY)


def failed(number: int) -> Instance:
    return instance(
        S.FAILED, id=f"failed{number:04}", created_at=ago(100 * number),
        ended_at=ago(90 * number), end_reason=EndReason.CRASHED, detail="one\nlast words",
    )  # fmt: skip


def test_every_state_and_every_end_has_words() -> None:
    assert all(badge_of(state)[1] for state in S)
    assert all(end_words(reason) for reason in EndReason)
    assert end_words(None) == ""


def test_an_instance_that_is_over_can_be_ended_no_more() -> None:
    can = {
        state: (line.can_drain, line.can_stop)
        for state in S
        for line in [line_of(instance(state), NOW)]
    }

    assert {state for state, deeds in can.items() if deeds == (False, False)} == {
        S.STOPPED, S.FAILED, S.STOPPING,
    }  # fmt: skip
    assert can[S.DRAINING] == (False, True)


def test_an_instance_tells_age_time_left_and_load() -> None:
    live = instance(S.READY, created_at=ago(90), walltime_end=later(60), load=Load(2, 1))
    over = replace(live, state=S.STOPPED, ended_at=ago(30), end_reason=EndReason.IDLE)

    line, past = line_of(live, NOW), line_of(over, NOW)

    assert (line.age_s, line.left_s, line.running, line.waiting) == (90, 60, 2, 1)
    assert (past.age_s, past.left_s, past.running) == (60, None, 0)
    assert past.cause == "nobody used it for a while"


def test_a_broken_model_tells_its_last_words_and_can_be_tried_again() -> None:
    past = tuple(failed(number) for number in (1, 2, 3))
    route = snapshot(past=past).routes["m"]

    group = group_of("m", route, (), past, NOW)

    assert group.can_retry
    assert group.status_words == (
        "3 launches failed: last words; it is not launched again by itself"
    )


def test_models_that_idle_are_left_out_unless_asked_for() -> None:
    world = snapshot(past=(failed(1),))

    def names(text: str, which: Which, live: tuple[str, ...] = ()) -> tuple[str, ...]:
        return names_shown(world.names, world.routes, live, text, which)

    assert names("", Which.BUSY) == ("m",)
    assert names("", Which.ALL) == ("m", "n")
    assert names("N", Which.BUSY) == ("n",)
    assert names("", Which.BUSY, ("gone", "n")) == ("gone", "m", "n")


def test_an_order_tells_how_its_instance_is_by_now() -> None:
    order = Order(7, OrderKind.DRAIN, "m", "abcdefghij", NOW)
    open_ = OrderRecord(order, "ada", None, "")
    done = OrderRecord(order, "ada", NOW, "one instance is being drained")

    assert order_line(open_, instance(S.READY)).now == ""
    assert order_line(done, instance(S.STOPPED)).now == "over"
    assert order_line(done, None).now == ""


def test_a_stop_is_asked_with_what_it_costs() -> None:
    one = instance(S.READY, load=Load(3, 0))
    two = [one, replace(one, id="other"), replace(one, state=S.STOPPED)]

    assert stop_question("m", [one]) == (
        "Really stop the instance abcdefghij of m at once? 3 requests are cut off."
    )
    assert stop_question("m", two).startswith("Really stop 2 instances of m at once? 6")
    assert "Nothing of m runs" in stop_question("m", [])


def test_a_log_tells_whether_it_comes() -> None:
    waiting = LogTail("i", ago(1), None, "", "")
    old, read = replace(waiting, asked_at=ago(99)), LogTail("i", ago(9), ago(8), "text", "")
    ready, queued = instance(S.READY), instance(S.PENDING)

    assert tail_part(queued, None, NOW).words.startswith("There is no log yet")
    assert tail_part(ready, waiting, NOW).is_awaited
    assert "seems to be away" in tail_part(ready, old, NOW).words
    assert tail_part(ready, read, NOW).text == "text"
    assert tail_part(ready, replace(read, text=""), NOW).words.startswith("Its job has printed")
    problem = replace(read, problem="no route")
    assert tail_part(ready, problem, NOW).words == "It could not be read: no route"
    assert tail_part(queued, problem, NOW).words.startswith("There is no log yet")


def test_a_log_is_read_again_while_it_grows_and_once_after_the_end() -> None:
    read = LogTail("i", ago(9), ago(8), "text", "")
    live = instance(S.READY)

    assert is_to_be_renewed(live, read, NOW)
    assert not is_to_be_renewed(live, replace(read, asked_at=ago(1), read_at=ago(0)), NOW)
    assert not is_to_be_renewed(live, replace(read, read_at=None), NOW)
    assert is_to_be_renewed(replace(live, ended_at=ago(7)), read, NOW)
    assert not is_to_be_renewed(replace(live, ended_at=ago(8.5)), read, NOW)


def test_health_tells_of_the_last_squeue_in_few_words() -> None:
    parts = {"database": Part(True, "answers"), "cluster": Part(True, "well"), "x": Part(False, "")}
    looked = Looked("hpc", ago(4), ago(4), 119.6, "")

    lines = health_lines(parts, looked, 0.84, NOW)

    assert [line.words for line in lines] == [
        "answers, in 0.8 ms", "hpc: last squeue 4 s ago, 120 ms", "",
    ]  # fmt: skip
    bad = health_lines({"cluster": Part(False, "no")}, replace(looked, problem="p"), 1, NOW)
    assert [line.words for line in bad] == ["no"]


def test_what_waits_for_a_person_is_cut_where_it_would_be_endless() -> None:
    silent = [instance(S.UNREADY, id=f"id{number:08}") for number in range(40)]

    found = remarks((), silent, (), (), NOW)

    assert len(found) == 13
    assert found[-1].words == "and 28 more"


def test_a_model_given_up_waits_for_a_person() -> None:
    world = snapshot(past=tuple(failed(number) for number in (1, 2, 3)))

    (remark,) = remarks(world.routes.values(), (), (), (), NOW)[:1]

    assert "m is broken" in remark.words
    assert remark.path == "/admin/instances?q=m"


def test_the_fleet_in_numbers() -> None:
    live = (instance(S.READY, load=Load(2, 1)), instance(S.PENDING, model="n", id="other"))
    world = snapshot(*live)

    told = glance([world.routes[name] for name in world.names], live)

    assert (told.models, told.ready, told.on_their_way, told.broken) == (2, 1, 1, 0)
    assert (told.instances, told.running, told.waiting) == (2, 2, 1)


def test_warm_windows_tell_when_and_whether_they_are_open() -> None:
    # NOW is a Friday, 12:00 UTC.
    week = WarmWindow(2, (0, 1, 2, 3, 4), time(8), time(0), "UTC")
    weekend = WarmWindow(1, (5, 6), time(8), time(18, 30), "Europe/Berlin")
    world = snapshot(warm=(week, weekend), max_instances=4)

    (line,) = warm_lines(world.names, world.routes, NOW)

    assert [(w.days, w.hours, w.holds_now) for w in line.windows] == [
        ("Mon–Fri", "08:00–24:00", True), ("Sat, Sun", "08:00–18:30", False),
    ]  # fmt: skip
    assert (line.wanted, line.ready, line.words) == (2, 0, "not warm yet")


def test_a_model_that_is_always_warm_is_one_of_them() -> None:
    world = snapshot(instance(S.READY), min_instances=1)

    (line,) = warm_lines(world.names, world.routes, NOW)

    assert (line.model, line.always, line.windows, line.words) == (
        "m", 1, (), "as warm as it is to be",
    )  # fmt: skip


@pytest.mark.parametrize("deed", ["disable", "end_admin"])
def test_nobody_ends_themselves(deed: str) -> None:
    assert refusal(deed, "ada", "ada")
    assert refusal(deed, "bob", "ada") == ""
    assert refusal("enable", "ada", "ada") == ""


def test_a_page_of_the_audit_log_leads_to_the_older_one() -> None:
    entries = tuple(Entry(200 - n, NOW, "a", "", "x", "", {}) for n in range(51))

    page = audit_page("/a", {"actor": "é&", "action": ""}, None, entries)

    assert (len(page.lines), page.newest) == (50, None)
    assert page.older == "/a?actor=%C3%A9%26&before=151"
    assert audit_page("/a", {}, 9, entries[:50]).older is None
    assert audit_page("/a", {}, 9, entries[:50]).newest == "/a"


def test_the_last_day_that_is_asked_for_is_whole() -> None:
    wanted = wanted_of({"until": "2026-11-20", "since": "2026-11-19T10"}, NOW)

    assert wanted.until == datetime(2026, 11, 21, tzinfo=UTC)
    assert wanted.since == datetime(2026, 11, 19, 10, tzinfo=UTC)


def test_a_long_list_is_paged() -> None:
    paging = Paging("/x", 2, 101, {"q": "a b", "kind": ""})

    assert paging.pages == 3
    assert paging.url(3) == "/x?q=a+b&page=3"
    assert paging.url(1) == "/x?q=a+b"
    assert slice_of(range(101), 3) == range(100, 101)
    assert Paging("/x", 1, 0).pages == 1
    assert [page_number(text) for text in ("", "0", "-3", "7", "²", "9" * 9)] == [1, 1, 1, 7, 1, 1]


def test_who_has_most_requests_running_comes_first() -> None:
    lines = running_lines({("bob", "m"): 1, ("ada", "n"): 4, ("ada", "m"): 1})

    assert [(line.user, line.model, line.requests) for line in lines] == [
        ("ada", "n", 4), ("ada", "m", 1), ("bob", "m", 1),
    ]  # fmt: skip
    assert len(running_lines({(f"u{n}", "m"): n for n in range(90)})) == 50
