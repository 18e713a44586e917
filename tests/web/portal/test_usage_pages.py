"""The pages about usage: whose they show, of which days, and that files say the same."""

import csv
import io
from datetime import timedelta

import pytest

from tests.web.in_process import InProcess, in_process
from tests.web.portal.browsing import Browser
from tests.web.usage.test_overview import instance
from web.clock import utc_now
from web.usage.lines import Batch, Line, LineKey
from web.usage.store import UsageStore

NOW = utc_now().replace(minute=0, second=0, microsecond=0)
TODAY = NOW.date().isoformat()


def line(user: str, model: str, days_ago: int, tokens: int) -> tuple[LineKey, Line]:
    key = LineKey(NOW - timedelta(days=days_ago), f"k-{user[:8]}", model, user)
    return key, Line(2, 1, 0, tokens, 0, 5, 0, 3.0)


@pytest.fixture
def used(gateway: InProcess) -> InProcess:
    lines = (
        line("ada", "cold", 0, 1000),
        line("ada", "lab", 3, 50_000),
        line("ada", "cold", 200, 7_000_000),
        line("bob", "cold", 1, 4321),
        line("<b>eve", "<script>x", 1, 77),
    )
    UsageStore(gateway.database).add("w", Batch(1, tuple(sorted(lines))), NOW)
    return gateway


def rows(page) -> list[list[str]]:
    """The cells of the page's last table."""
    table = page.text.rpartition("<tbody>")[2].partition("</tbody>")[0]
    found = []
    for row in table.split("<tr>")[1:]:
        cells = row.replace("</th>", "</td>").split("</td>")[:-1]
        found.append([cell.rpartition("</a")[0] or cell for cell in cells])
    return [[cell.rpartition(">")[2].strip() for cell in row] for row in found]


def lines_of(answer) -> list[dict[str, str]]:
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_user_sees_what_they_used_and_nobody_else(used):
    page = Browser(used, "ada").get("/usage")
    assert page.status_code == 200
    assert [row[:3] for row in rows(page)] == [["lab", "50,000", "5"], ["cold", "1,000", "5"]]
    assert "bob" not in page.text
    assert "4,321" not in page.text
    assert "/usage/everybody" not in page.text


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        ("?range=7d", {"lab": "50,000", "cold": "1,000"}),
        ("?range=year", {"cold": "7,001,000", "lab": "50,000"}),
        (f"?from={TODAY}&to={TODAY}", {"cold": "1,000"}),
        (f"?from={(NOW - timedelta(days=200)).date()}&to={(NOW - timedelta(days=3)).date()}",
         {"cold": "7,000,000", "lab": "50,000"}),
    ],
)  # fmt: skip
def test_the_days_can_be_chosen(used, asked, tokens):
    page = Browser(used, "ada").get(f"/usage{asked}")
    assert {row[0]: row[1] for row in rows(page)} == tokens


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("?from=yesterday", "is no day"),
        ("?from=2026-02-30", "is no day"),
        ("?from=0001-01-01&to=0001-01-02", "is no day"),
        ("?from=2026-02-02&to=2026-02-01", "before the first"),
        ("?from=2020-02-02&to=2026-02-01", "at most 366 days"),
        ("?range=decade", "no such choice"),
    ],
)
def test_days_that_make_no_sense_are_told_beside_the_usual_ones(used, asked, told):
    page = Browser(used, "ada").get(f"/usage{asked}")
    assert page.status_code == 400
    assert told in page.text
    assert len(rows(page)) == 2
    assert Browser(used, "ada").get(f"/usage/csv{asked}").status_code == 400


def test_an_administrator_sees_everybody_and_each(used):
    root = Browser(used, "root")
    page = root.get("/usage/everybody")
    assert [row[:2] for row in rows(page)] == [
        ["ada", "51,000"], ["bob", "4,321"], ["&lt;b&gt;eve", "77"],
    ]  # fmt: skip
    page = root.get("/usage/everybody?table=models")
    assert [row[0] for row in rows(page)] == ["lab", "cold", "&lt;script&gt;x"]
    assert "<script>x" not in page.text
    assert [row[0] for row in rows(root.get("/usage/everybody?q=AD"))] == ["ada"]
    assert "None is called so" in root.get("/usage/everybody?q=nobody").text
    page = root.get("/usage?user=bob")
    assert "Usage of bob" in page.text
    assert [row[:2] for row in rows(page)] == [["cold", "4,321"]]


def test_what_others_used_is_not_there_for_users(used):
    ada = Browser(used, "ada")
    for path in ("?user=bob", "/csv?user=bob", "/everybody", "/everybody/csv"):
        assert ada.get(f"/usage{path}").status_code == 404
    assert ada.get("/usage?user=ada").status_code == 200
    assert ada.get("/usage?user=ada&user=bob").status_code == 400


def test_files_have_the_same_days_and_the_same_people(used):
    ada, root = Browser(used, "ada"), Browser(used, "root")
    answer = ada.get("/usage/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "-by-day-model.csv" in answer.headers["Content-Disposition"]
    assert {(r["model"], r["prompt_tokens"]) for r in lines_of(answer)} == {
        ("cold", "1000"), ("lab", "50000"),
    }  # fmt: skip
    months = lines_of(ada.get("/usage/csv?range=year&by=month,model"))
    assert sum(int(r["prompt_tokens"]) for r in months) == 7_051_000
    users = lines_of(root.get("/usage/everybody/csv?by=user,model&range=7d"))
    assert {r["user"] for r in users} == {"ada", "bob", "<b>eve"}
    bobs = lines_of(root.get("/usage/csv?user=bob&by=day,key"))
    assert [r["prompt_tokens"] for r in bobs] == ["4321"]


@pytest.mark.parametrize(("asked", "status"), [("by=user", 400), ("by=", 200), ("by=&by=", 400)])
def test_only_files_that_are_offered_are_made(used, asked, status):
    assert Browser(used, "ada").get(f"/usage/csv?{asked}").status_code == status


@pytest.mark.parametrize(
    ("user", "start"),
    [
        ("ada", "/usage?range=7d"),
        ("root", "/usage/everybody?table=models"),
        ("root", "/usage?user=ada"),
    ],
)
def test_every_link_on_the_pages_leads_somewhere(used, user, start):
    browser = Browser(used, user)
    text = browser.get(start).text.partition("<main")[2].partition("</main>")[0]
    links = {part.partition('"')[0].replace("&amp;", "&") for part in text.split('href="')[1:]}
    assert len(links) > 8
    for link in links:
        assert browser.get(link).status_code == 200, link


def test_without_any_usage_the_page_says_so_and_what_to_do(gateway):
    page = Browser(gateway, "bob").get("/usage")
    assert "Nothing was used" in page.text
    assert 'href="/use"' in page.text
    assert "<table" not in page.text
    assert "Nothing was used" in Browser(gateway, "root").get("/usage/everybody").text


def test_gpu_hours_and_their_cost_are_told_where_they_are_known(tmp_path):
    gateway = in_process(tmp_path, {"GPU_HOUR_PRICE": "2.5", "CURRENCY": "CHF"})
    try:
        gateway.accounts.create("ada", "local", now=NOW)
        gateway.accounts.create("root", "local", is_admin=True, now=NOW)
        UsageStore(gateway.database).add("w", Batch(1, (line("ada", "x", 1, 10),)), NOW)
        at = (NOW - timedelta(days=1)).replace(hour=3)
        with gateway.database.write() as session:
            session.add(instance(0, at, gpus=2, released_at=at + timedelta(hours=10)))
        page = Browser(gateway, "ada").get("/usage")
        assert rows(page) == [["x", "10", "5", "2", "1", "20.00", "50.00"]]
        assert "CHF 50.00" in page.text
        (user,) = rows(Browser(gateway, "root").get("/usage/everybody"))
        assert user == ["ada", "10", "5", "2", "1", "20.00", "50.00"]
        year = Browser(gateway, "root").get("/usage/everybody?range=year")
        assert rows(year) == [["ada", "10", "5", "2", "1"]]
        assert "at most 92 days" in year.text
        assert "CHF 50.00" in year.text
        year = Browser(gateway, "ada").get("/usage?range=year")
        assert rows(year) == [["x", "10", "5", "2", "1"]]
        assert "at most 92 days" in year.text
        assert "at most 92 days" not in page.text
    finally:
        gateway.database.close()
