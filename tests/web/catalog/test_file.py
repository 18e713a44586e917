"""The catalog on disk: a right change is taken, a wrong one keeps what was there."""

import logging
import os
from pathlib import Path

import pytest

from web.catalog import CatalogError, CatalogFile
from web.config import Settings

GOOD = "models: [{name: a, path: p}]"
OTHER = "models: [{name: b, path: p}]"
WRONG = "models: [{name: a, path: p, gpus: -1}]"
FAULT = "models.yaml:1: models[0].gpus: must be at least 0, not '-1'"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(GOOD)
    return path


def replace(path: Path, text: str) -> None:
    """Written anew, with a modification time that differs whatever the clock's grain."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))


def names(file: CatalogFile) -> list[str]:
    return [deployment.name for deployment in file.current()]


def test_an_unchanged_file_is_not_read_again(path: Path) -> None:
    file = CatalogFile(path)

    assert file.current() is file.current()


def test_a_change_is_taken_also_when_the_size_stays(path: Path) -> None:
    file = CatalogFile(path)
    assert names(file) == ["a"]

    replace(path, OTHER)

    assert names(file) == ["b"]


def test_a_wrong_change_keeps_the_old_catalog_and_logs_each_fault_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = CatalogFile(path)
    before = file.current()

    replace(path, WRONG)
    with caplog.at_level(logging.INFO):
        assert file.current() is before
        assert file.current() is before
        replace(path, WRONG + "\n# saved once more, as wrong as before")
        assert file.current() is before

    assert file.faults == (FAULT,)
    assert caplog.messages == [FAULT]


def test_a_repaired_file_clears_the_faults(path: Path) -> None:
    file = CatalogFile(path)
    file.current()
    replace(path, WRONG)
    file.current()

    replace(path, OTHER)

    assert names(file) == ["b"]
    assert file.faults == ()


@pytest.mark.parametrize("text", ["", "models:"])
def test_a_file_that_is_just_being_written_removes_no_model(path: Path, text: str) -> None:
    file = CatalogFile(path)
    file.current()

    replace(path, text)

    assert names(file) == ["a"]


def test_a_file_that_vanishes_keeps_the_old_catalog(path: Path) -> None:
    file = CatalogFile(path)
    file.current()

    path.unlink()

    assert names(file) == ["a"]
    assert "cannot be read" in file.faults[0]


def test_a_file_that_was_never_right_raises_until_it_is(path: Path) -> None:
    replace(path, WRONG)
    file = CatalogFile(path)

    for _ in range(2):
        with pytest.raises(CatalogError) as caught:
            file.current()
        assert caught.value.faults == file.faults == (FAULT,)

    replace(path, GOOD)
    assert names(file) == ["a"]
    assert file.faults == ()


def test_the_settings_name_the_file_and_the_job_defaults(path: Path) -> None:
    environ = {"MODELS_FILE": str(path), "WORKER_SLURM_PARTITION": "gpu"}
    (deployment,) = CatalogFile.for_settings(Settings.from_env(environ)).current()

    assert deployment.partition == "gpu"
