"""Debian's Chromium on a gateway: one browser for all tests, a visitor's own cookies for each.

Whatever a browser complains of fails the test that saw it: errors of scripts, breaches of the
content security policy, answers 5xx, and any request to somebody who is not the gateway.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    Response,
    StorageState,
    WebError,
    expect,
    sync_playwright,
)

from tests.parts import need

PHONE, WIDE = (390, 844), (1440, 900)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Not even a name is looked up: whatever asks beyond this machine fails at once.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PATIENCE_MS = 20_000
# The policy's breaches, in words, wherever they happen and whatever the console says of them.
WATCH_POLICY = """
addEventListener("securitypolicyviolation", (event) => console.error(
  `CSP violation: ${event.violatedDirective} of ${event.blockedURI || "inline"}`))
"""
LOADING_FAILED = re.compile(r"the server responded with a status of (\d{3})")
LOCAL_SCHEMES = ("data:", "blob:", "about:")


@contextmanager
def running_browser() -> Iterator[Browser]:
    program = need("chromium", "chromium")
    # A machine that does much else at once is slow; nothing waits longer than what is waited for.
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=[*ARGUMENTS])
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """One person's browser on the gateway at `base_url`, and what it complained of."""

    def __init__(
        self,
        browser: Browser,
        base_url: str,
        *,
        size: tuple[int, int] = WIDE,
        dark: bool = False,
        javascript: bool = True,
        cookies: StorageState | None = None,
    ) -> None:
        self.base_url = base_url
        self.complaints: list[str] = []
        self.asked: list[str] = []
        # Of answers that are meant to fail, the console tells too.
        self.expected_statuses: set[int] = set()
        self.expected_words: set[str] = set()
        self.context = browser.new_context(
            base_url=base_url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            storage_state=cookies,
            permissions=["clipboard-read", "clipboard-write"],
            timezone_id="Europe/Zurich",
            locale="en-GB",
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.add_init_script(WATCH_POLICY)
        self.context.on("console", self._hear)
        self.context.on("weberror", self._catch)
        self.context.on("request", self._follow)
        self.context.on("response", self._judge)
        self.page: Page = self.context.new_page()

    def go(self, path: str, status: int = 200) -> Page:
        """The page at `path`, which must answer with this status."""
        self.expected_statuses.add(status)
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}"
        return self.page

    def log_in(self, name: str, password: str) -> Page:
        self.go("/login")
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("button", name="Log out", exact=True).wait_for()
        return self.page

    def cookies(self) -> StorageState:
        """For another visitor who is to be the same person."""
        return self.context.storage_state()

    def resize(self, size: tuple[int, int]) -> None:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def close(self) -> None:
        self.context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if any(words in message.text for words in self.expected_words):
            return
        failed = LOADING_FAILED.search(message.text)
        if failed is None or int(failed[1]) not in self.expected_statuses:
            self.complaints.append(f"console at {self._path()}: {message.text}")

    def _catch(self, error: WebError) -> None:
        self.complaints.append(f"script at {self._path()}: {error.error}")

    def _follow(self, request: Request) -> None:
        self.asked.append(request.url)
        url = request.url
        if not url.startswith((self.base_url + "/", *LOCAL_SCHEMES)):
            self.complaints.append(f"asked somebody else: {url}")

    def _judge(self, response: Response) -> None:
        if response.status >= 500 and response.status not in self.expected_statuses:
            self.complaints.append(f"{response.status} of {response.url}")

    def _path(self) -> str:
        return self.page.url.removeprefix(self.base_url)
