"""Limits: listed, set and taken away, in force at once, each change written down."""

import pytest

from tests.web.in_process import InProcess
from tests.web.portal.browsing import Browser
from web.audit.store import AuditLog, Wanted
from web.clock import utc_now
from web.limits.rules import UNLIMITED, Limits, Scope
from web.limits.store import LimitStore


@pytest.fixture
def limits(gateway: InProcess) -> LimitStore:
    return LimitStore(gateway.database)


def test_without_limits_the_page_says_what_holds_all_the_same(root: Browser) -> None:
    assert "a fair share of a busy model all the same" in root.get("/admin/limits").text


def test_limits_are_set_as_they_stand_in_the_form(
    limits: LimitStore, root: Browser, noted, told
) -> None:
    limits.set(Scope.USER, "bob", {"tokens_per_day": 5})
    form = {"scope": "user", "name": "bob", "requests_per_minute": "1,000",
            "gpu_hours_per_day": "2.5", "parallel_requests": "unlimited"}  # fmt: skip

    text = told(root.post("/admin/limits/set", form))

    assert "Set for the user bob; in force within a second." in text
    assert limits.rows() == {
        (Scope.USER, "bob"): Limits(
            requests_per_minute=1000, gpu_hours_per_day=2.5, parallel_requests=UNLIMITED
        )
    }
    entry = noted("limits.set")
    assert entry.subject == "user:bob"
    assert entry.detail == {
        "requests_per_minute": 1000,
        "parallel_requests": "unlimited",
        "gpu_hours_per_day": 2.5,
    }


def test_the_form_shows_what_is_set(limits: LimitStore, root: Browser) -> None:
    limits.set(Scope.GROUP, "physics", {"tokens_per_day": 0, "gpu_hours_per_month": UNLIMITED})

    text = root.get("/admin/limits/one?scope=group&name=physics").text

    assert 'name="tokens_per_day" value="0"' in text
    assert 'name="gpu_hours_per_month" value="unlimited"' in text
    assert 'name="requests_per_minute" value=""' in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scope": "user", "name": "bob", "requests_per_minute": "many"}, "Requests per minute: a"),
        ({"scope": "user", "name": "bob", "tokens_per_day": "-5"}, "Tokens per day: a number"),
        ({"scope": "user", "name": "bob", "tokens_per_day": "1.5"}, "Tokens per day: a number"),
        ({"scope": "user", "name": "bob", "gpu_hours_per_day": "inf"}, "GPU-hours per day: a"),
        ({"scope": "user", "name": "bob", "gpu_hours_per_day": "1e9"}, "GPU-hours per day: a"),
        ({"scope": "user", "name": "bob", "tokens_per_day": "9" * 19}, "a number from 0 to"),
        ({"scope": "user", "name": "", "tokens_per_day": "5"}, "Say which user it is."),
        ({"scope": "nobody", "name": "x", "tokens_per_day": "5"}, "Say for whom"),
        ({"scope": "key", "name": "nosuchid", "tokens_per_day": "5"}, "There is no such key."),
    ],
)
def test_what_is_no_limit_changes_nothing_and_is_told(
    gateway: InProcess,
    limits: LimitStore,
    root: Browser,
    fields: dict[str, str],
    words: str,
) -> None:
    answer = root.post("/admin/limits/set", fields)
    # The form first, which may itself lead back to the list.
    while answer.status_code == 303:
        answer = root.get(answer.headers["Location"])

    assert words in answer.text
    assert limits.rows() == {}
    assert not AuditLog(gateway.database).query(Wanted(action="limits"))


def test_a_key_is_limited_by_its_whole_id_only(
    gateway: InProcess, limits: LimitStore, root: Browser
) -> None:
    record, _ = gateway.keys.create("bob", "", 5, None, utc_now())

    root.post("/admin/limits/set", {"scope": "key", "name": record.id[:6], "tokens_per_day": "1"})
    before = limits.rows()
    root.post("/admin/limits/set", {"scope": "key", "name": record.id, "tokens_per_day": "1"})

    assert before == {}
    assert limits.rows() == {(Scope.KEY, record.id): Limits(tokens_per_day=1)}


def test_limits_are_taken_away_after_being_asked_once(
    limits: LimitStore, root: Browser, noted, told
) -> None:
    limits.set(Scope.EVERYONE, "", {"tokens_per_day": 5})

    asked = root.post("/admin/limits/unset", {"scope": "everyone", "name": ""})
    before = limits.rows()
    text = told(root.post("/admin/limits/unset", {"scope": "everyone", "sure": "yes"}))

    assert "Take away all limits" in asked.text
    assert before != {}
    assert limits.rows() == {}
    assert "No limits are set any more for everyone." in text
    assert noted("limits.unset").subject == "everyone:"


def test_what_is_not_set_cannot_be_taken_away(root: Browser, told) -> None:
    text = told(root.post("/admin/limits/unset", {"scope": "user", "name": "bob", "sure": "yes"}))

    assert "No limits were set for the user bob." in text


def test_many_rows_are_searched_and_shown_page_by_page(limits: LimitStore, root: Browser) -> None:
    for number in range(70):
        limits.set(Scope.USER, f"user{number:02}", {"tokens_per_day": number})

    first, found = root.get("/admin/limits").text, root.get("/admin/limits?q=USER61").text

    assert "70 rows" in first
    assert "Page 1 of 2" in first
    assert "1 row of limits found" in found
    assert "user61" in found
    assert "No limits are set for that." in root.get("/admin/limits?q=nobody").text
