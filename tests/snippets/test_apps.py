"""The snippets for programs to chat and to write code with, driven as far as they run here.

aider, Continue's terminal client and Open WebUI are the real ones. LibreChat needs a database
server of its own: of it, its own schema and reading of the environment, and what it asks.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.gateway_process import Gateway, free_port
from tests.snippets.kit import (
    WANTED,
    Desk,
    expected,
    model_of,
    node_modules,
    programs_of,
    rendered,
)
from tests.waiting import wait_until
from web.portal.snippets.parts import QUESTION

# The first test of each kind also installs its client.
pytestmark = pytest.mark.timeout(900)


def test_aider_waits_for_the_model_and_talks_to_it(gateway: Gateway, tmp_path: Path) -> None:
    snippet = rendered("aider", gateway)
    desk = Desk(tmp_path, gateway.key, [programs_of("aider")])
    desk.save(snippet)
    assert gateway.model(model_of("aider"))["state"] == "cold"

    alone = "--yes-always --no-git --no-check-update --analytics-disable --no-pretty"
    printed = desk.run(f"{snippet.run.rstrip()} {alone} --message '{QUESTION}'")

    assert "Warning for" not in printed
    assert "received" in printed
    *_, said = (tmp_path / ".aider.chat.history.md").read_text().partition(QUESTION)
    assert "Error" not in said
    assert not said.isascii()


def test_continue_waits_for_the_model_and_talks_to_it(gateway: Gateway, tmp_path: Path) -> None:
    desk = Desk(tmp_path, gateway.key, [node_modules() / ".bin"])
    assert gateway.model(model_of("continue"))["state"] == "cold"

    printed = desk.carry_out(rendered("continue", gateway, calls_tools=True))

    assert '"status":"error"' not in printed
    assert not printed.isascii()


def test_librechat_takes_the_file_and_is_served(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules())
    shutil.copy(WANTED / "librechat.mjs", tmp_path)
    desk = Desk(tmp_path, gateway.key, more={"QUESTION": QUESTION})
    desk.save(rendered("librechat", gateway))
    model = model_of("librechat")
    assert gateway.model(model)["state"] == "cold"

    told = json.loads(desk.run("node librechat.mjs"))

    assert told["newest"]
    assert told["model"] == model
    assert model in told["models"]
    assert told["answer"] == expected("librechat", gateway)
    assert told["title"]


def test_open_webui_lists_the_models_and_streams_one_that_had_to_start(
    gateway: Gateway, tmp_path: Path
) -> None:
    model = model_of("open-webui")
    assert gateway.model(model)["state"] == "cold"

    with open_webui(gateway, tmp_path) as visitor:
        listed = visitor.get("/api/models")["data"]
        chosen = visitor.get("/api/config")["default_models"]
        question = {"role": "user", "content": QUESTION}
        lines = visitor.stream("/api/chat/completions", {"model": model, "messages": [question]})

    assert model in [each["id"] for each in listed]
    assert chosen == model
    *events, end = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert end == "[DONE]"
    pieces = [json.loads(event)["choices"][0]["delta"].get("content") for event in events]
    assert "".join(filter(None, pieces)) == expected("open-webui", gateway)


class Visitor:
    """Who has an account at the Open WebUI that listens at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        account = {"name": "alice", "email": "alice@example.org", "password": "Correct-Horse-7!"}
        signed_up = requests.post(f"{url}/api/v1/auths/signup", json=account, timeout=30)
        self.headers = {"Authorization": f"Bearer {signed_up.json()['token']}"}

    def get(self, path: str) -> Any:
        answer = requests.get(self.url + path, headers=self.headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def stream(self, path: str, body: dict[str, object]) -> list[str]:
        with requests.post(
            self.url + path, headers=self.headers, json={**body, "stream": True}, timeout=60
        ) as answer:
            answer.raise_for_status()
            return answer.content.decode().splitlines()


@contextmanager
def open_webui(gateway: Gateway, folder: Path) -> Iterator[Visitor]:
    """Started by the lines of its snippet; but the port is a free one."""
    # Nothing is looked up beyond this machine: with sentence-transformers it would be.
    desk = Desk(folder, gateway.key, [programs_of("open-webui")], {"OFFLINE_MODE": "true"})
    port = free_port()
    lines = rendered("open-webui", gateway).run.replace("--port 3000", f"--port {port}")
    url = f"http://127.0.0.1:{port}"
    with (folder / "open-webui.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-euc", lines], cwd=folder, env=desk.env, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: process.poll() is not None or is_up(url), 240, "Open WebUI is up")
        assert process.poll() is None, (folder / "open-webui.log").read_text()[-2000:]
        yield Visitor(url)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).ok
    except requests.ConnectionError:
        return False
