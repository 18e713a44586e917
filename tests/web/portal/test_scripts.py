"""What the pages' scripts decide, run under node: no browser, no clock, no network.

The scripts themselves lie in web/portal/static; a file `scripts/NAME.test.js` holds one of them to
its word. (How they look and feel is for tests/browser.)
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.parts import need
from web.portal.page import STATIC

SCRIPTS = Path(__file__).with_name("scripts")
TESTS = sorted(path.name for path in SCRIPTS.glob("*.test.js"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The scripts and their tests side by side, where node takes them for modules."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copytree(STATIC, folder / "static")
    shutil.copytree(SCRIPTS, folder / "tests")
    return folder


@pytest.mark.parametrize("name", TESTS)
def test_a_script_keeps_its_word(folder: Path, name: str) -> None:
    node = need("node", "nodejs")
    command = [str(node), "--test", str(folder / "tests" / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# pass 0" not in done.stdout, "some test ran"


def test_no_script_makes_html_of_a_text() -> None:
    """Only portal.js does, of what the gateway itself has rendered: the live parts."""
    for path in (STATIC / "playground").glob("*.js"):
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in path.read_text(), f"{path.name}: {word}"
