"""Who uses the playground is known by a key's name that all share: each still pays for oneself."""

from datetime import UTC

from tests.web.usage.served import NOON, principal, request
from web.portal.viewer import PORTAL_KEY
from web.usage.ledger import Ledger
from web.usage.lines import Question
from web.usage.periods import By
from web.usage.store import UsageStore


def requests(store, *by, **question):
    return {each.names: each.line.requests for each in store.sums(by, Question(**question), UTC)}


def test_two_users_of_the_playground_in_one_hour_have_a_line_each(database):
    store = UsageStore(database)
    first, second = (Ledger(store, lambda: NOON) for _ in range(2))
    for ledger in (first, second):
        ledger.record(request(principal=principal("ada", PORTAL_KEY)))
        ledger.record(request(principal=principal("bob", PORTAL_KEY)))
        ledger.record(request(principal=principal("bob", PORTAL_KEY)))
        ledger.flush()

    assert requests(store, By.USER) == {("ada",): 2, ("bob",): 4}
    assert requests(store, By.KEY, user="ada") == {(PORTAL_KEY,): 2}
    assert requests(store, By.KEY) == {(PORTAL_KEY,): 6}
