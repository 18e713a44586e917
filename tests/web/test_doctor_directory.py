"""What the doctor finds out about the directory of users."""

from pathlib import Path

import pytest

from slurm.cluster import Cluster
from tests.gateway_process import free_port
from tests.slapd import BASE, person, running_slapd
from web.config import Settings
from web.doctor import Finding, examine


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "models.yaml").write_text("models: [{name: small, path: p}]")
    return {"MODELS_FILE": str(tmp_path / "models.yaml"), "DATA_DIR": str(tmp_path / "var")}


def found(environ: dict[str, str]) -> list[Finding]:
    def no_cluster(_: Settings) -> Cluster:
        raise AssertionError("the doctor must not open this cluster")

    return [each for each in examine(environ, no_cluster) if each.what == "directory"]


def test_local_accounts_need_no_directory(environ: dict[str, str]) -> None:
    assert found(environ) == []


def test_a_directory_that_answers_is_well_and_one_that_does_not_is_told_why(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with running_slapd([person("alice", "wonderland")]) as slapd:
        assert [each.ok for each in found(environ | slapd.settings())] == [True]

        wrong = {
            "certificate": {"LDAP_CA_FILE": ""},
            f"ou=nobody,{BASE}": {"LDAP_USER_SEARCH_BASE": f"ou=nobody,{BASE}"},
            "invalidCredentials": {"LDAP_BIND_DN": f"cn=nobody,{BASE}"},
            "refused": {"LDAP_URL": f"ldap://127.0.0.1:{free_port()}"},
        }
        for words, more in wrong.items():
            (finding,) = found(environ | slapd.settings(**more))
            assert not finding.ok
            assert words.lower() in finding.words.lower()
            assert "the reader's own" not in finding.words

    assert not (tmp_path / "var").exists()


def test_an_htpasswd_file_is_looked_into(environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "htpasswd"
    by_file = environ | {"LOGIN": "htpasswd", "HTPASSWD_FILE": str(file)}
    assert [each.ok for each in found(by_file)] == [False]
    file.write_text("# nobody yet\n")
    file.chmod(0o640)
    assert "there is no user in it" in found(by_file)[0].words
    file.write_text("alice:$2y$05$x\n")
    assert [each.ok for each in found(by_file)] == [True]
