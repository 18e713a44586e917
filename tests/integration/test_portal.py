"""The whole way through the portal, in a browser, on real Slurm with a real directory."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import screenshots
from tests.browser.kit import Visitor, running_browser
from tests.browser.researcher import Researcher, from_login_to_answer, revoked_while_running
from tests.gateway_process import Gateway
from tests.integration.kit import SlurmKit
from tests.integration.serving import MODEL, simulated
from tests.slapd import person, running_slapd
from tests.traffic import Asking, Traffic
from tests.waiting import wait_until

RESEARCHER, HEAD = "curie", "noether"
PEOPLE = [person(name, f"pass {name}") for name in (RESEARCHER, HEAD)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # As long as these tests run: meanwhile no other could start an event loop.
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def directory() -> Iterator[dict[str, str]]:
    """The settings of a gateway whose users stand in a running slapd."""
    with running_slapd(PEOPLE) as slapd:
        yield slapd.settings()


@pytest.fixture
def new_site(slurm: SlurmKit, new_gateway, directory) -> Callable[..., Gateway]:
    def make(**entry: object) -> Gateway:
        gateway = new_gateway([simulated(slurm, **entry)], directory)
        gateway.start()
        return gateway

    return make


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[Gateway, str], Visitor]]:
    made: list[Visitor] = []

    def make(gateway: Gateway, name: str) -> Visitor:
        made.append(Visitor(browser, gateway.base_url))
        made[-1].log_in(name, f"pass {name}")
        return made[-1]

    yield make
    for visitor in made:
        visitor.close()
    assert [each for visitor in made for each in visitor.complaints] == []


@pytest.fixture
def researcher(visit, tmp_path) -> Iterator[Callable[[Gateway], Researcher]]:
    made: list[Researcher] = []

    def make(gateway: Gateway) -> Researcher:
        made.append(Researcher(visit(gateway, RESEARCHER), MODEL, tmp_path / RESEARCHER))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_from_a_login_by_the_directory_to_a_streamed_answer_from_a_cold_model(new_site, researcher):
    printed = from_login_to_answer(researcher(new_site(engine_args={"startup-seconds": 5})))

    assert "Why is the sky blue?" in printed


def test_a_key_revoked_in_the_browser_ends_a_running_program_with_401(new_site, researcher):
    printed = revoked_while_running(researcher(new_site(min_instances=1)))

    assert "AuthenticationError" in printed
    assert "401" in printed.splitlines()[-1]


def test_a_full_cluster_is_told_in_words_with_what_slurm_calls_it(slurm, new_site, visit):
    fillers = slurm.sbatch_filler()
    gateway = new_site()
    page = visit(gateway, RESEARCHER).go(f"/models/{MODEL}")

    page.get_by_role("button", name="Start it for me").click()

    expect(page.locator(".steps li.now")).to_contain_text("In the queue", timeout=60_000)
    expect(page.locator("main")).to_contain_text("Resources", timeout=30_000)
    screenshots.take_all(page, "user, model queued on Slurm")
    slurm.scancel(*fillers)
    expect(page.locator(".standing .badge")).to_contain_text("ready", timeout=90_000)


def test_a_start_that_is_cancelled_in_the_browser_leaves_no_job_in_the_queue(
    slurm, new_site, visit
):
    fillers = slurm.sbatch_filler()
    gateway = new_site()
    page = visit(gateway, RESEARCHER).go(f"/models/{MODEL}")
    page.get_by_role("button", name="Start it for me").click()
    expect(page.locator(".steps li.now")).to_contain_text("In the queue", timeout=60_000)
    assert [job["state"] for job in slurm.live_jobs()] == ["PENDING"]

    page.get_by_role("button", name="Cancel this start").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel this start").click()

    expect(page.get_by_text("Cancelled: it is not asked for any more.")).to_be_visible()
    wait_until(lambda: not slurm.live_jobs(), 30, "its job has left the queue")
    expect(page.locator(".standing .badge")).to_contain_text("not running", timeout=30_000)
    slurm.scancel(*fillers)


def test_an_administrator_reads_the_log_of_a_job_on_slurm(new_site, visit):
    gateway = new_site(min_instances=1)
    wait_until(lambda: gateway.model(MODEL)["ready_instances"] == 1, 60, "an instance")
    gateway.cli("users", "create", HEAD, "--admin")
    page = visit(gateway, HEAD).go("/admin/instances")
    page.get_by_role("rowheader").first.get_by_role("link").click()

    page.get_by_role("button", name="Read the log").click()

    # The engine's own words, as they stand in Slurm's output file on the cluster.
    started = "Application startup complete. Listening on"
    expect(page.locator("#log-text")).to_contain_text(started, timeout=30_000)


def test_an_administrator_drains_an_instance_under_load_and_nobody_notices(new_site, visit):
    gateway = new_site(min_instances=2, max_instances=3)
    wait_until(lambda: gateway.model(MODEL)["ready_instances"] == 2, 60, "two instances")
    gateway.cli("users", "create", HEAD, "--admin")
    visitor = visit(gateway, HEAD)
    with Traffic(gateway, MODEL, 6, Asking(stream_s=(0.5, 2))) as traffic:
        traffic.wait_for(10)
        instance = drain_one(visitor.go("/admin/instances"))
        live = visitor.page.get_by_role("region", name="The instance, live")
        expect(live).to_contain_text("an administrator ended it", timeout=90_000)
        traffic.wait_for(20)

    assert traffic.failures == [], traffic.words()
    assert instance in traffic.instances


def drain_one(page: Page) -> str:
    row = page.get_by_role("row").filter(has=page.get_by_role("button", name="Drain")).first
    instance = row.get_by_role("rowheader").inner_text()
    row.get_by_role("button", name="Drain").click()
    return instance
