"""The locks: everything pinned and hashed, nothing said of where it comes from.

requirements.lock is what a gateway needs, requirements-dev.lock that and what tests and tools need.
"""

import configparser
import re

import pytest

from tests.house.tree import ROOT

RUN, DEV = "requirements.lock", "requirements-dev.lock"
PINNED = re.compile(r"([a-z0-9][a-z0-9._-]*)(\[[a-z,]+\])?==[0-9][\w.+!]*( ; [^\\]+)?")


def requirements(text: str) -> dict[str, list[str]]:
    """The text of each requirement -> its hashes."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    found = {}
    for line in filter(None, map(str.strip, joined.splitlines())):
        requirement, *hashes = re.split(r"\s+--hash=", line)
        found[requirement.strip()] = hashes
    return found


def locked(lock: str) -> dict[str, list[str]]:
    return requirements((ROOT / lock).read_text())


def names_in(lock: str) -> set[str]:
    return {re.split(r"[\[=]", requirement)[0] for requirement in locked(lock)}


def wanted(*without: str) -> set[str]:
    """What setup.cfg asks for, but for these extras."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].splitlines()
    for extra, asked in config["options.extras_require"].items():
        lines += asked.splitlines() if extra not in without else ()
    names = (re.split(r"[\[<>=~!]", line)[0].strip().lower() for line in lines if line)
    return {name.replace("_", "-") for name in names}


@pytest.mark.parametrize("lock", [RUN, DEV])
def test_every_requirement_is_pinned_to_a_version_and_to_hashes(lock: str) -> None:
    found = locked(lock)

    assert len(found) > 20
    assert [name for name in found if not PINNED.fullmatch(name)] == []
    wrong = {
        name: hashes
        for name, hashes in found.items()
        if not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
    }
    assert wrong == {}


@pytest.mark.parametrize("lock", [RUN, DEV])
def test_the_locks_name_no_host_no_url_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert re.findall(r".*(?:://|@ |^-|file:).*", text, flags=re.MULTILINE) == []


def test_everything_that_setup_cfg_asks_for_is_in_the_locks() -> None:
    assert wanted() - names_in(DEV) == set()
    assert wanted("dev") - names_in(RUN) == set()


def test_a_gateway_is_tested_with_the_versions_it_runs_with() -> None:
    # Where each is needed (after the semicolon) may differ: tests need some everywhere.
    run, dev = (
        {text.split(" ;")[0]: hashes for text, hashes in locked(lock).items()}
        for lock in (RUN, DEV)
    )

    assert {each: run[each] for each in run if dev.get(each) != run[each]} == {}


def test_a_gateway_does_not_bring_what_only_tests_need() -> None:
    assert names_in(RUN) & (wanted() - wanted("dev")) == set()


def test_a_requirement_without_hash_or_with_a_url_would_be_noticed() -> None:
    found = requirements("a==1 \\\n    --hash=sha256:ab\n    # via x\nb>=2\nc @ https://h/c.whl\n")

    assert found == {"a==1": ["sha256:ab"], "b>=2": [], "c @ https://h/c.whl": []}
    assert [name for name in found if PINNED.fullmatch(name)] == ["a==1"]
