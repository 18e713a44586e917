"""requirements.lock: everything pinned and hashed, nothing said of where it comes from."""

import configparser
import re

from tests.house.tree import ROOT

PINNED = re.compile(r"([a-z0-9][a-z0-9._-]*)(\[[a-z,]+\])?==[0-9][\w.+!]*( ; [^\\]+)?")


def requirements(text: str) -> dict[str, list[str]]:
    """The text of each requirement -> its hashes."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    found = {}
    for line in filter(None, map(str.strip, joined.splitlines())):
        requirement, *hashes = re.split(r"\s+--hash=", line)
        found[requirement.strip()] = hashes
    return found


def locked() -> dict[str, list[str]]:
    return requirements((ROOT / "requirements.lock").read_text())


def test_every_requirement_is_pinned_to_a_version_and_to_hashes() -> None:
    found = locked()

    assert len(found) > 20
    assert [name for name in found if not PINNED.fullmatch(name)] == []
    wrong = {
        name: hashes
        for name, hashes in found.items()
        if not hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
    }
    assert wrong == {}


def test_the_lock_names_no_host_no_url_and_no_path() -> None:
    text = (ROOT / "requirements.lock").read_text()

    assert re.findall(r".*(?:://|@ |^-|file:).*", text, flags=re.MULTILINE) == []


def test_everything_that_setup_cfg_asks_for_is_in_the_lock() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    wanted = config["options"]["install_requires"].splitlines()
    for extra in config["options.extras_require"].values():
        wanted += extra.splitlines()
    names = {re.split(r"[\[<>=~!]", line)[0].strip().lower() for line in wanted if line}
    pinned = {re.split(r"[\[=]", requirement)[0] for requirement in locked()}

    assert {name.replace("_", "-") for name in names} - pinned == set()


def test_a_requirement_without_hash_or_with_a_url_would_be_noticed() -> None:
    found = requirements("a==1 \\\n    --hash=sha256:ab\n    # via x\nb>=2\nc @ https://h/c.whl\n")

    assert found == {"a==1": ["sha256:ab"], "b>=2": [], "c @ https://h/c.whl": []}
    assert [name for name in found if PINNED.fullmatch(name)] == ["a==1"]
