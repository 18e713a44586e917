"""Which instances requests may go to, by what became of the requests before."""

from web.openai_proxy.standing import FAILURES_BEFORE_EJECTION, RETRY_BUDGET_CAP, Standing


def test_an_instance_is_set_aside_after_several_failures_in_a_row():
    standing = Standing()
    for _ in range(FAILURES_BEFORE_EJECTION - 1):
        standing.failed("a")
    assert standing.ejected == frozenset()
    standing.failed("a")
    assert standing.ejected == {"a"}


def test_a_whole_answer_between_two_failures_forgives():
    standing = Standing()
    for _ in range(10):
        standing.begin("a")
        standing.failed("a")
        standing.end("a")
        standing.begin("a")
        standing.end("a", answered=True)
    assert standing.ejected == frozenset()


def test_only_a_proof_brings_an_instance_back():
    standing = Standing()
    for _ in range(FAILURES_BEFORE_EJECTION):
        standing.failed("a")
    standing.begin("a")
    standing.end("a", answered=True)
    assert standing.ejected == {"a"}
    standing.proven("a")
    assert standing.ejected == frozenset()


def test_retries_run_out_when_everything_fails():
    standing = Standing()
    granted = sum(standing.may_retry() for _ in range(1000))
    assert granted == RETRY_BUDGET_CAP


def test_requests_earn_retries_again():
    standing = Standing()
    while standing.may_retry():
        pass
    for _ in range(5):
        standing.begin("a")
        standing.end("a")
    assert standing.may_retry()
    assert not standing.may_retry()


def test_load_is_own_requests_and_those_of_others():
    standing = Standing()
    standing.begin("a")
    standing.heard("a", reported=5)
    assert standing.load["a"] == 5
    standing.end("a")
    assert standing.load["a"] == 4
    standing.heard("a", reported=0)
    assert standing.load["a"] == 0


def test_instances_that_are_gone_are_forgotten():
    standing = Standing()
    for _ in range(FAILURES_BEFORE_EJECTION):
        standing.failed("a")
    standing.begin("b")
    standing.forget_all_but(set())
    assert standing.ejected == frozenset()
    standing.end("b")
    assert standing.total_in_flight == 0
