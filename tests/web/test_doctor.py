"""What the doctor finds, what it advises, and that it only looks."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from slurm.cluster import SlurmCluster
from slurm.errors import HostKeyRejected, ShellError, ShellUnavailable
from slurm.shell import Result
from web.cli import main
from web.config import Settings
from web.database import Database
from web.doctor import Finding, examine
from web.secrets import Secrets

MODELS = "models: [{name: small, path: p}]"


class FakeShell:
    """A login node that gives one answer to everything."""

    def __init__(self, answer: Result | ShellError) -> None:
        self.answer = answer
        self.closed = False
        self.ran: list[list[str]] = []

    def run(self, argv: list[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
        self.ran.append(argv)
        if isinstance(self.answer, ShellError):
            raise self.answer
        return self.answer

    def close(self) -> None:
        self.closed = True


def no_cluster(settings: Settings) -> SlurmCluster:
    raise AssertionError("the doctor must not open this cluster")


def slurm_answering(answer: Result | ShellError) -> Callable[[Settings], SlurmCluster]:
    return lambda settings: SlurmCluster(FakeShell(answer))  # type: ignore[arg-type]


QUIET = slurm_answering(Result(0, "", ""))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "models.yaml").write_text(MODELS)
    return {"MODELS_FILE": str(tmp_path / "models.yaml"), "DATA_DIR": str(tmp_path / "var")}


@pytest.fixture
def over_ssh(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    (tmp_path / "known_hosts").write_text("")
    (tmp_path / "key").touch(mode=0o600)
    return environ | {
        "SSH_HOST": "login1",
        "SSH_PORT": "2222",
        "SSH_USERNAME": "llm",
        "SSH_KEY_FILE": str(tmp_path / "key"),
        "SSH_KNOWN_HOSTS_FILE": str(tmp_path / "known_hosts"),
        "PROXY_BASE_URL": "http://gateway:25567",
    }


def failures(
    environ: dict[str, str], open_cluster: Callable[[Settings], SlurmCluster] = no_cluster
) -> dict[str, Finding]:
    return {each.what: each for each in examine(environ, open_cluster) if not each.ok}


def test_a_new_installation_is_well_and_nothing_is_made(
    environ: dict[str, str], tmp_path: Path
) -> None:
    before = sorted(os.listdir(tmp_path))
    findings = list(examine(environ, no_cluster))

    assert [finding.what for finding in findings] == [
        "settings", "catalog", "data dir", "secrets", "database", "cluster",
    ]  # fmt: skip
    assert all(finding.ok and not finding.advice for finding in findings)
    assert sorted(os.listdir(tmp_path)) == before


def test_an_installation_that_ran_before_is_well(environ: dict[str, str]) -> None:
    settings = Settings.from_env(environ)
    Secrets(settings.data_dir)
    database = Database(settings.database_url)
    database.migrate()
    database.close()

    assert failures(environ) == {}


def test_wrong_settings_end_the_examination_with_every_fault(environ: dict[str, str]) -> None:
    findings = list(examine(environ | {"PROXY_PORT": "x", "LOG_LEVEL": "x"}, no_cluster))

    assert [(finding.what, finding.ok) for finding in findings] == [("settings", False)] * 2


def test_every_fault_of_the_catalog_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("models: [{name: m, gpus: x}]")
    faults = [each.words for each in examine(environ, no_cluster) if each.what == "catalog"]

    assert len(faults) == 2
    assert all(fault.startswith("models.yaml:1: models[0].") for fault in faults)


def test_a_data_dir_that_others_can_write_in_is_a_failure(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var").chmod(0o777)

    assert failures(environ)["data dir"].advice == f"chmod go-w {tmp_path / 'var'}"


def test_a_data_dir_that_is_a_file_is_a_failure(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")

    assert "no directory" in failures(environ)["data dir"].words


def test_secrets_that_others_can_read_are_a_failure(
    environ: dict[str, str], tmp_path: Path
) -> None:
    Secrets(tmp_path / "var")
    (tmp_path / "var" / "secrets.json").chmod(0o644)

    assert "chmod 600" in failures(environ)["secrets"].words


def test_a_database_that_is_away_is_a_failure_without_its_password(
    environ: dict[str, str],
) -> None:
    url = "postgresql://u:canary@127.0.0.1:1/kscope"
    found = failures(environ | {"DATABASE_URL": url})["database"]

    assert "DATABASE_URL" in found.advice
    assert "canary" not in repr(found)
    assert "\n" not in found.words


def test_a_database_without_tables_yet_is_well(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()

    assert failures(environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}) == {}


def test_a_file_that_is_no_database_is_a_failure(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_text("junk " * 1000)
    url = f"sqlite:///{tmp_path}/junk.db"

    assert "not a database" in failures(environ | {"DATABASE_URL": url})["database"].words


def test_slurm_that_answers_is_well_and_only_listed(over_ssh: dict[str, str]) -> None:
    shell = FakeShell(Result(0, "", ""))
    findings = list(examine(over_ssh, lambda settings: SlurmCluster(shell)))  # type: ignore[arg-type]

    assert all(finding.ok for finding in findings)
    assert "squeue answers on llm@login1; 0 jobs of ours" in [each.words for each in findings]
    assert len(shell.ran) == 1
    assert "squeue" in shell.ran[0]
    assert shell.closed


def test_a_login_that_fails_comes_with_the_command_to_try(
    over_ssh: dict[str, str], tmp_path: Path
) -> None:
    found = failures(over_ssh, slurm_answering(ShellUnavailable("timed out")))["cluster"]

    assert found.words == "llm@login1: timed out"
    assert f"ssh -i {tmp_path / 'key'} -p 2222 llm@login1 squeue --me" in found.advice


def test_another_host_key_is_to_be_compared_and_not_just_taken(over_ssh: dict[str, str]) -> None:
    found = failures(over_ssh, slurm_answering(HostKeyRejected("changed")))["cluster"]

    assert "compare its fingerprint" in found.advice


def test_a_squeue_that_fails_is_told_in_its_own_words(over_ssh: dict[str, str]) -> None:
    answer = Result(1, "", "squeue: error: Unable to contact slurm controller")
    found = failures(over_ssh, slurm_answering(answer))["cluster"]

    assert "Unable to contact slurm controller" in found.words
    assert "squeue --me" in found.advice


def test_missing_slurm_commands_on_this_host_are_told(environ: dict[str, str]) -> None:
    answer = ShellUnavailable("squeue cannot be started here")
    environ |= {"CLUSTER": "slurm", "PROXY_BASE_URL": "http://gateway"}

    assert "SSH_HOST" in failures(environ, slurm_answering(answer))["cluster"].advice


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/cb", "http://localhost/cb", "http://[::1]/"])
def test_a_callback_url_on_loopback_reaches_no_compute_node(
    over_ssh: dict[str, str], url: str
) -> None:
    found = failures(over_ssh | {"TELEMETRY_CALLBACK_URL": url}, QUIET)

    assert list(found) == ["callback URL"]


def test_ssh_files_are_looked_at(over_ssh: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").chmod(0o644)
    (tmp_path / "known_hosts").unlink()

    found = failures(over_ssh, QUIET)
    assert found["ssh key"].advice == f"chmod 600 {tmp_path / 'key'}"
    assert "compare its fingerprint" in found["ssh known hosts"].advice

    (tmp_path / "key").unlink()
    assert "cannot be read" in failures(over_ssh, QUIET)["ssh key"].words


def test_the_command_says_what_to_do_and_fails_when_something_does(
    environ: dict[str, str], tmp_path: Path
) -> None:
    well = CliRunner(env=environ).invoke(main, ["doctor"])
    (tmp_path / "models.yaml").unlink()
    ill = CliRunner(env=environ).invoke(main, ["doctor"])
    as_json = CliRunner(env=environ).invoke(main, ["doctor", "--json"])

    assert well.exit_code == 0
    assert "FAIL" not in well.stdout
    assert (ill.exit_code, as_json.exit_code) == (1, 1)
    assert "FAIL  catalog: " in ill.stdout
    assert "what to do: mend " in ill.stdout
    assert {"what", "ok", "words", "advice"} == set(json.loads(as_json.stdout)[0])
