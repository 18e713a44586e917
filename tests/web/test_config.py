"""Settings: what an environment means, and what is said about a wrong one."""

import dataclasses
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.config import ClusterKind, ConfigError, LogFormat, LogLevel, Settings, settings

SLURM = {"SSH_HOST": "login1", "SSH_USERNAME": "llm"}
NAMES = [setting.env for _, setting in settings()]


def faults_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(environ)
    return caught.value.faults


def test_an_empty_environment_gives_a_local_gateway_on_loopback() -> None:
    settings = Settings.from_env({})

    assert settings.cluster is ClusterKind.LOCAL
    assert (settings.proxy_host, settings.proxy_port) == ("127.0.0.1", 25567)
    assert settings.proxy_base_url == "http://127.0.0.1:25567"
    assert settings.telemetry_callback_url == "http://127.0.0.1:25567/worker_callback"
    assert settings.database_url == f"sqlite:///{Path.cwd() / 'var' / 'kscope.db'}"
    assert settings.models_file == Path.cwd() / "models.yaml"
    assert settings.job_defaults == {}


def test_an_ssh_host_means_slurm_on_every_address_under_this_machines_name() -> None:
    settings = Settings.from_env(SLURM)

    assert settings.cluster is ClusterKind.SLURM
    assert settings.proxy_host == "0.0.0.0"
    assert settings.proxy_base_url == f"http://{socket.gethostname()}:25567"
    assert settings.telemetry_callback_url == f"{settings.proxy_base_url}/worker_callback"


def test_slurm_without_ssh_runs_on_this_host() -> None:
    settings = Settings.from_env({"CLUSTER": "Slurm"})

    assert settings.cluster is ClusterKind.SLURM
    assert settings.ssh_host is None


def test_derived_defaults_follow_what_is_set() -> None:
    settings = Settings.from_env(
        {"PROXY_BASE_URL": "https://llm.example/", "DATA_DIR": "/srv/kscope", "PROXY_HOST": "::"}
    )

    assert settings.proxy_base_url == "https://llm.example"
    assert settings.telemetry_callback_url == "https://llm.example/worker_callback"
    assert settings.database_url == "sqlite:////srv/kscope/kscope.db"


def test_an_ipv6_address_is_bracketed_in_the_url() -> None:
    assert Settings.from_env({"PROXY_HOST": "::1"}).proxy_base_url == "http://[::1]:25567"


def test_an_empty_or_blank_variable_counts_as_unset() -> None:
    assert Settings.from_env(dict.fromkeys(NAMES, "")) == Settings.from_env({})
    assert Settings.from_env(dict.fromkeys(NAMES, "  ")) == Settings.from_env({})


def test_ssh_username_is_required_with_an_ssh_host() -> None:
    (fault,) = faults_of({"SSH_HOST": "login1"})

    assert fault.startswith("SSH_USERNAME: not set")


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("postgresql://u:p@db/kscope", "postgresql+psycopg://u:p@db/kscope"),
        ("postgres://u@db:5433/kscope", "postgresql+psycopg://u@db:5433/kscope"),
        ("postgresql+psycopg:///kscope?host=/run", "postgresql+psycopg:///kscope?host=/run"),
        ("sqlite:////srv/k.db", "sqlite:////srv/k.db"),
        ("sqlite:///k.db", f"sqlite:///{Path.cwd() / 'k.db'}"),
    ],
)
def test_database_urls_come_out_as_sqlalchemy_wants_them(given_url: str, url: str) -> None:
    assert Settings.from_env({"DATABASE_URL": given_url}).database_url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROXY_PORT", "0"),
        ("PROXY_PORT", "65536"),
        ("PROXY_PORT", "80.5"),
        ("PROXY_PORT", "٨٠"),
        ("PROXY_PORT", "9" * 5000),
        ("MIN_UPDATE_INTERVAL_SECONDS", "0.1"),
        ("MIN_UPDATE_INTERVAL_SECONDS", "nan"),
        ("MIN_UPDATE_INTERVAL_SECONDS", "1e3"),
        ("UPSTREAM_STALL_TIMEOUT_SECONDS", "-1"),
        ("CLUSTER", "kubernetes"),
        ("LOG_LEVEL", "verbose"),
        ("SSH_HOST", "-oProxyCommand=id"),
        ("SSH_USERNAME", "a b"),
        ("SSH_KEY_FILE", "~no-such-user-here/key"),
        ("WORKER_SLURM_QOS", "--uid=0"),
        ("PROXY_BASE_URL", "llm.example"),
        ("PROXY_BASE_URL", "http://["),
        ("PROXY_BASE_URL", "http://h:99999"),
        ("PROXY_BASE_URL", "http://h/?a=b"),
        ("DATABASE_URL", "mysql://db/kscope"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "postgresql://db:port/kscope"),
        ("DATA_DIR", "a\x00b"),
        ("DATA_DIR", "\udcff"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_wanted_and_an_example(name: str, value: str) -> None:
    faults = faults_of({name: value})

    assert len(faults) == 1
    assert faults[0].startswith(f"{name}: ")
    assert " is not " in faults[0]
    assert f"e.g. {name}=" in faults[0]
    assert len(faults[0]) < 400


def test_all_faults_are_reported_at_once() -> None:
    faults = faults_of({"PROXY_PORT": "x", "SSH_HOST": "login1", "LOG_FORMAT": "xml"})

    assert [fault.partition(":")[0] for fault in faults] == [
        "PROXY_PORT",
        "LOG_FORMAT",
        "SSH_USERNAME",
    ]


def test_the_error_text_lists_all_faults() -> None:
    error = ConfigError(("A: one", "B: two"))

    assert "A: one" in str(error)
    assert "B: two" in str(error)


def test_passwords_are_shown_neither_in_faults_nor_in_the_repr() -> None:
    faults = faults_of(
        {"DATABASE_URL": "mysql://u:canary@db", "PROXY_BASE_URL": "ftp://u:canary@h"}
    )
    settings = Settings.from_env({"DATABASE_URL": "postgresql://u:canary@db/k"})

    assert "canary" not in " ".join(faults)
    assert "canary" not in repr(settings)


def test_the_example_in_every_fault_is_itself_a_good_value() -> None:
    for _, setting in settings():
        example = setting.fault("?").partition(f"e.g. {setting.env}=")[2]
        assert setting.parse(example) is not None


def test_enums_are_read_in_either_case() -> None:
    settings = Settings.from_env({"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "Json"})

    assert (settings.log_level, settings.log_format) == (LogLevel.DEBUG, LogFormat.JSON)


def test_job_defaults_name_what_is_set() -> None:
    settings = Settings.from_env({"WORKER_SLURM_QOS": "high", "WORKER_SLURM_ACCOUNT": "proj1"})

    assert settings.job_defaults == {"qos": "high", "account": "proj1"}


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.from_env({}).proxy_port = 1  # type: ignore[misc]


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=40)))
def test_no_environment_raises_anything_but_a_config_error(environ: dict[str, str]) -> None:
    faults: tuple[str, ...] = ()
    try:
        Settings.from_env(environ)
    except ConfigError as error:
        faults = error.faults
    assert all(fault.isprintable() for fault in faults)
