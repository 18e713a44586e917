"""The accounts of thousands of requests; `python -m tests.accounting` does 100,000."""

from tests.accounting.run import run

REQUESTS = 3000


def test_accounts_equal_the_engines_counters_and_what_broke_off_stays_in_its_bounds(tmp_path):
    told = run(tmp_path / "gateway", REQUESTS)
    print(told)
    assert told["wrong"] == []
    assert all(told["fates"].values()), "every fate met some request"
