"""A snippet carried out as its page says: files saved, lines run, the key in the environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.clients import kit
from tests.gateway_process import Gateway
from web.portal.snippets.clients import client
from web.portal.snippets.parts import KEY_VARIABLE, QUESTION, Aim, Snippet

LENGTH = 8192
TIMEOUT_S = 240
WANTED = Path(__file__).parent / "clients"


def model_of(slug: str) -> str:
    """A model that is asked for by one client only, with all that a name may have."""
    return f"KScope-Labs/{slug}.2+it@v1:a_b"


def rendered(slug: str, gateway: Gateway, **more: object) -> Snippet:
    found = client(slug)
    assert found is not None
    aim = Aim(f"{gateway.base_url}/v1", model_of(slug), max_tokens=LENGTH)
    return found.render(replace(aim, **more))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Desk:
    """A user's home folder and key; `programs` are the folders of what they have installed."""

    folder: Path
    key: str
    programs: Sequence[Path] = ()
    more: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        path = os.pathsep.join([*map(str, self.programs), os.environ["PATH"]])
        home = {"HOME": str(self.folder), "LANG": "C.UTF-8", "PATH": path}
        return {**home, KEY_VARIABLE: self.key, **self.more}

    def save(self, snippet: Snippet) -> None:
        for file in snippet.files:
            place = self.folder / file.name.removeprefix("~/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file.text, encoding="utf-8")

    def run(self, lines: str) -> str:
        """Standard output of the lines, run by bash in the home folder."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines], cwd=self.folder, env=self.env,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=TIMEOUT_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def carry_out(self, snippet: Snippet) -> str:
        self.save(snippet)
        return self.run(snippet.run)


def answer_to(question: str, gateway: Gateway, model: str) -> str:
    """What the model says to it, as the stock client has it from the warm model."""
    answer = gateway.client(max_retries=20).chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}]
    )
    return str(answer.choices[0].message.content)


def expected(slug: str, gateway: Gateway) -> str:
    return answer_to(QUESTION, gateway, model_of(slug))


def programs_of(requirements: str) -> Path:
    """The folder of the programs that come with what this file lists."""
    return kit.python_with(requirements, WANTED / f"{requirements}.txt").parent


def node_modules() -> Path:
    sources = [WANTED / "package.json", WANTED / "package-lock.json"]
    return kit.node_modules("node-apps", sources)
