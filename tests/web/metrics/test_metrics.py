"""/metrics on a gateway's application: what a Prometheus that reads it learns."""

from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.web.fleet.worlds import ID
from tests.web.in_process import error_of, in_process
from web.clock import utc_now
from web.fleet.states import InstanceState, Load
from web.usage.lines import Batch, Line, LineKey
from web.usage.store import UsageStore

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
OLD = datetime(2025, 1, 31, 23, tzinfo=UTC)


@pytest.fixture
def gateway(tmp_path):
    gateway = in_process(tmp_path)
    yield gateway
    gateway.database.close()


def numbers(gateway):
    """(name, its labels by their names) -> value"""
    answer = gateway.ask("GET", "/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_instances_and_what_they_work_on_are_told(gateway):
    ready = {"node": "n1", "port": 20001, "load": Load(3, 2, 0.25)}
    gateway.add(InstanceState.READY, model="cold", **ready)
    found = numbers(gateway)

    assert found["kscope_instances", "cold", "ready"] == 1
    assert found["kscope_instances", "cold", "pending"] == 0
    assert found["kscope_instances", "lab", "ready"] == 0
    assert found["kscope_model_phase", "cold", "ready"] == 1
    assert found["kscope_model_phase", "lab", "cold"] == 1
    assert found["kscope_instance_requests_running", ID, "cold"] == 3
    assert found["kscope_instance_requests_waiting", ID, "cold"] == 2
    assert found["kscope_instance_kv_cache_usage", ID, "cold"] == 0.25


def test_requests_and_tokens_are_those_of_the_accounts(gateway):
    lines = (
        (LineKey(HOUR, "k", "cold", "ada"), Line(5, 2, 1, 70, 10, 30, 0, 12.5)),
        (LineKey(OLD, "k", "cold", "bob"), Line(1, 0, 0, 7, 0, 3, 0, 1.0)),
        (LineKey(HOUR, "k", 'odd "name"\\', "bob"), Line(requests=1)),
    )
    UsageStore(gateway.database).add("w", Batch(1, lines), utc_now())
    found = numbers(gateway)

    assert found["kscope_requests_total", "cold"] == 6
    assert found["kscope_request_errors_total", "cold"] == 2
    assert found["kscope_requests_aborted_total", "cold"] == 1
    assert found["kscope_request_seconds_total", "cold"] == 13.5
    assert found["kscope_prompt_tokens_total", "cold"] == 77
    assert found["kscope_cached_tokens_total", "cold"] == 10
    assert found["kscope_completion_tokens_total", "cold"] == 33
    assert found["kscope_requests_total", 'odd "name"\\'] == 1


def test_what_is_ready_is_told_part_by_part(gateway):
    found = numbers(gateway)

    assert found["kscope_part_ready", "database"] == 1
    assert found["kscope_part_ready", "fleet"] == 0
    assert ("kscope_cluster_look_timestamp_seconds",) not in found


def test_strangers_and_who_comes_through_a_proxy_are_refused(gateway):
    answer = gateway.ask("GET", "/metrics", environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "metrics_refused"
    sent = {"X-Forwarded-For": "10.0.0.1"}
    assert gateway.ask_with(sent, "GET", "/metrics").status_code == 401


def test_with_a_token_file_the_token_is_asked_for(tmp_path):
    path = tmp_path / "token"
    path.write_text("a-token-of-its-own\n")
    path.chmod(0o600)
    gateway = in_process(tmp_path, {"METRICS_TOKEN_FILE": str(path)})
    try:
        assert gateway.ask("GET", "/metrics").status_code == 401
        assert gateway.ask("GET", "/metrics", "a-token-of-its-own").status_code == 200
    finally:
        gateway.database.close()


def test_openmetrics_is_told_to_who_asks_for_it(gateway):
    answer = gateway.ask_with({"Accept": "application/openmetrics-text"}, "GET", "/metrics")

    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
