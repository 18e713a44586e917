"""Where limits are counted is a setting, checked before anything starts."""

import importlib.util

import pytest

from web.config import ConfigError, Settings
from web.doctor import examine
from web.limits.limiting import check_counters, open_counters

NAME = "RATELIMIT_STORAGE_URI"


def settings(uri: str = "", **env: str) -> Settings:
    return Settings.from_env({NAME: uri, **env})


def test_without_a_setting_one_process_counts_in_memory():
    counters = open_counters(settings())

    assert counters.state() == "counted in memory: for this process alone"


def test_several_processes_in_memory_take_their_share_each_and_say_so():
    counters = open_counters(settings(WEB_CONCURRENCY="4"))

    assert "each of 4 processes lets through 1/4" in counters.state()
    assert NAME in counters.state()


def test_with_redis_all_count_together():
    counters = open_counters(settings("redis://127.0.0.1:1/0", WEB_CONCURRENCY="4"))

    assert counters.state() == "counted in Redis: for all gateways that use it"


@pytest.mark.parametrize(
    "uri",
    ["redis://h", "redis://:password@h:6379/2", "rediss://u:p@h", "redis://h/0?protocol=3"],
)
def test_a_redis_may_have_a_password_a_number_and_options(uri):
    assert settings(uri).ratelimit_storage_uri == uri


@pytest.mark.parametrize(
    "uri",
    ["memory", "memory://x", "redis:", "redis://", "redis:///0", "http://h", "redis://h/a/b",
     "redis://h:port", "redis://h#0", "redis://h/../0"],
)  # fmt: skip
def test_any_other_place_is_refused_and_its_password_is_not_shown(uri):
    with pytest.raises(ConfigError) as wrong:
        settings(uri.replace("//", "//u:canary@", 1))

    (fault,) = wrong.value.faults
    assert fault.startswith(f"{NAME}: its value (not shown)")
    assert "canary" not in fault


def test_the_settings_do_not_show_the_password():
    assert "canary" not in repr(settings("redis://:canary@h"))


def test_a_missing_package_is_named_before_anything_starts(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    check_counters(settings())
    with pytest.raises(ConfigError, match=r"kscope-gateway\[redis\]"):
        check_counters(settings("redis://h"))


def doctors_finding(tmp_path, **env: str):
    (tmp_path / "models.yaml").write_text("models: [{name: small, path: p}]")
    places = {"MODELS_FILE": str(tmp_path / "models.yaml"), "DATA_DIR": str(tmp_path / "var")}
    findings = examine({**places, **env}, lambda _settings: pytest.fail("no cluster is asked"))
    (found,) = [finding for finding in findings if finding.what == "limits"]
    return found


def test_the_doctor_asks_redis_and_says_what_follows_when_it_does_not_answer(tmp_path, redis_url):
    well = doctors_finding(tmp_path, **{NAME: redis_url})
    ill = doctors_finding(tmp_path, **{NAME: "redis://:canary@127.0.0.1:1/0"})

    assert (well.ok, well.words) == (True, "counted in Redis: for all gateways that use it")
    assert (ill.ok, ill.advice.partition(",")[0]) == (
        False,
        "until then each process counts for itself",
    )
    assert "canary" not in ill.words


def test_the_doctor_says_how_several_processes_count_in_memory(tmp_path):
    found = doctors_finding(tmp_path, WEB_CONCURRENCY="3")

    assert found.ok
    assert "each of 3 processes" in found.words
