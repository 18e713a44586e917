"""The whole way of a researcher, and of an administrator, in a browser on the embedded default."""

import pytest
from playwright.sync_api import expect

from tests.browser.researcher import Researcher, from_login_to_answer, revoked_while_running
from tests.browser.world import ADMIN, PASSWORD, USER, add_user, model
from tests.traffic import Asking, Traffic
from tests.waiting import wait_until

MODEL = "test-org/Journey-1B"


@pytest.fixture
def new_researcher(new_visitor, tmp_path):
    made = []

    def make(gateway, name=USER):
        visitor = new_visitor(gateway.base_url)
        visitor.log_in(name, PASSWORD)
        made.append(Researcher(visitor, MODEL, tmp_path / name))
        return made[-1]

    yield make
    for researcher in made:
        researcher.close()


def test_from_login_to_a_streamed_answer_of_a_model_that_was_cold(make_gateway, new_researcher):
    gateway = make_gateway(model(MODEL, engine_args={"startup-seconds": 5}))
    add_user(gateway, USER)

    printed = from_login_to_answer(new_researcher(gateway))

    assert "Why is the sky blue?" in printed


def test_a_revoked_key_ends_a_running_program_with_401(make_gateway, new_researcher):
    gateway = make_gateway(model(MODEL, min_instances=1))
    add_user(gateway, USER)

    printed = revoked_while_running(new_researcher(gateway))

    assert "401" in printed.splitlines()[-1]
    assert "AuthenticationError" in printed


def test_an_administrator_drains_an_instance_under_load_and_nobody_notices(
    make_gateway, new_visitor
):
    gateway = make_gateway(model(MODEL, min_instances=2, max_instances=3))
    add_user(gateway, ADMIN, "--admin")
    wait_until(lambda: gateway.model(MODEL)["ready_instances"] == 2, 30, "two instances")
    visitor = new_visitor(gateway.base_url)
    page = visitor.log_in(ADMIN, PASSWORD)
    with Traffic(gateway, MODEL, 6, Asking(stream_s=(0.5, 2))) as traffic:
        traffic.wait_for(10)
        visitor.go("/admin/instances")
        row = page.get_by_role("row").filter(has=page.get_by_role("button", name="Drain")).first
        instance = row.get_by_role("rowheader").inner_text()
        row.get_by_role("button", name="Drain").click()
        live = page.get_by_role("region", name="The instance, live")
        expect(live).to_contain_text("an administrator ended it", timeout=60_000)
        traffic.wait_for(20)

    assert traffic.failures == [], traffic.words()
    assert instance in traffic.instances
