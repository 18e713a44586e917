"""`kscope` on data of its own, without a gateway."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from web.cli import main

MODELS = "models: [{name: org/big, path: p, aliases: [big]}, {name: small, path: p}]"


class Terminal:
    """`kscope` in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "var"
        (directory / "models.yaml").write_text(MODELS)
        self._environ = {
            "DATA_DIR": str(self.data_dir),
            "MODELS_FILE": str(directory / "models.yaml"),
        }

    def run(self, *argv: str, stdin: str = "", **environ: str) -> Result:
        runner = CliRunner(env={**self._environ, **environ})
        result = runner.invoke(main, argv, input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        return result

    def json(self, *argv: str, stdin: str = "") -> Any:
        """What a command that succeeds prints with --json."""
        result = self.run(*argv, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def key(self, *argv: str) -> str:
        """A new key of ada's."""
        result = self.run("keys", "create", "--user", "ada", *argv)
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    def listed(self, *argv: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json("keys", "list", *argv)
        return found
