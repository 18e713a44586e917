"""A researcher in the portal: makes a key, copies code, runs it, and watches the model start."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.browser.kit import Visitor
from tests.waiting import wait_until

CLIPBOARD = "() => navigator.clipboard.readText()"
# Set in a page that is only to be right if nobody loads it again.
MARK = "keptFromTheStart"


@dataclass
class Script:
    """A program that somebody has running, with a key in its environment and nothing else of ours.

    `text` is what it has printed so far.
    """

    process: subprocess.Popen[bytes]
    printed: Path

    @property
    def text(self) -> str:
        return self.printed.read_text(errors="replace")

    def wait(self, timeout_s: float = 60) -> int:
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass
class Researcher:
    visitor: Visitor
    model: str
    folder: Path
    scripts: list[Script] = field(default_factory=list)

    @property
    def page(self) -> Page:
        return self.visitor.page

    def make_key(self, name: str) -> str:
        """By the form; what the copy button puts on the clipboard."""
        self.visitor.go("/keys/new")
        self.page.get_by_label("What is it for?").fill(name)
        self.page.get_by_role("button", name="Make the key").click()
        key = self._copied("#key")
        assert re.fullmatch(r"sk-ks-\S{20,}", key), key
        return key

    def copy_code(self) -> str:
        """From the page, as it is first shown for the model."""
        self.visitor.go(f"/use?model={quote(self.model, safe='')}")
        code = self._copied("#file")
        assert self.visitor.base_url in code
        return code

    def run(self, code: str, key: str) -> Script:
        self.folder.mkdir(exist_ok=True)
        number = len(self.scripts)
        file = self.folder / f"program{number}.py"
        file.write_text(code)
        printed = self.folder / f"program{number}.txt"
        with printed.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-u", str(file)],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "KSCOPE_API_KEY": key},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.scripts.append(Script(process, printed))
        return self.scripts[-1]

    def watch(self) -> Page:
        """The model's page in another tab of the same browser."""
        tab = self.visitor.context.new_page()
        tab.goto(f"/models/{quote(self.model, safe='')}")
        tab.evaluate(f"() => {{ window.{MARK} = true }}")
        return tab

    def is_as_loaded(self, tab: Page) -> bool:
        return bool(tab.evaluate(f"() => window.{MARK} === true"))

    def revoke(self, name: str) -> None:
        self.visitor.go("/keys")
        row = self.page.get_by_role("row").filter(has_text=name)
        row.get_by_role("button", name="Revoke").click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_contain_text(name)
        dialog.get_by_role("button", name="Revoke").click()
        expect(self.page.locator(".notice")).to_contain_text("revoked")

    def close(self) -> None:
        for script in self.scripts:
            script.kill()

    def _copied(self, element: str) -> str:
        code = self.page.locator(".code", has=self.page.locator(element))
        code.get_by_role("button").click()
        expect(code.get_by_role("button")).to_have_text("Copied")
        text = str(self.page.evaluate(CLIPBOARD))
        assert text == self.page.locator(element).text_content()
        return text


def asks_without_end(code: str) -> str:
    """The copied program's body, again and again: a job that runs for days."""
    head, _, body = code.partition("stream = ")
    assert body, code
    lines = [f"    {line}" for line in f"stream = {body}".splitlines()]
    return "\n".join([head, "while True:", *lines])


def from_login_to_answer(researcher: Researcher) -> str:
    """Key, code, a cold model that starts before one's eyes, and the streamed answer."""
    key = researcher.make_key("first steps")
    code = researcher.copy_code()
    tab = researcher.watch()
    expect(tab.locator(".standing .badge")).to_contain_text("not running")

    script = researcher.run(code, key)

    expect(tab.locator(".steps")).to_be_visible()
    expect(tab.locator(".steps li.now")).to_contain_text("Loading", timeout=60_000)
    expect(tab.locator(".standing .badge")).to_contain_text("ready", timeout=60_000)
    assert researcher.is_as_loaded(tab), "the page was loaded anew"
    assert script.wait() == 0, script.text
    return script.text


def revoked_while_running(researcher: Researcher) -> str:
    """A program that asks without end, until its key is revoked; what it printed last."""
    key = researcher.make_key("long job")
    script = researcher.run(asks_without_end(researcher.copy_code()), key)
    wait_until(lambda: script.text.count("\n") >= 3, 30, "three whole answers")

    researcher.revoke("long job")

    assert script.wait(15) != 0
    return script.text
