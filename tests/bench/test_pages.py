"""The bench of the portal's pages: every page of a large site is there, and is answered."""

from bench.pages import __main__ as bench
from bench.pages import filling


def test_every_page_of_a_large_site_is_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(filling, "AUDITED", 500)
    monkeypatch.setattr(filling, "PAST_A_DAY", 2)

    told = bench.measure(tmp_path, f"sqlite:///{tmp_path}/kscope.db", 3000)

    assert told["wrong"] == []
    asked = {(page["who"], page["address"].partition("?")[0]) for page in told["pages"]}
    assert {("user", "/usage"), ("admin", "/usage/everybody"), ("admin", "/admin/keys")} <= asked
    assert ("user", "/admin/keys") not in asked
    assert all(page["ms"] > 0 and page["kib"] > 0 for page in told["pages"])
