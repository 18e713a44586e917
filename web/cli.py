"""The `kscope` command: each module or package of `web/commands` has one, as its `command`."""

import importlib
import os
import pkgutil
from typing import Any

import click

from web import commands
from web.catalog.loader import CatalogError
from web.config import ConfigError
from web.database import StorageError, why
from web.identity.accounts import AccountDisabled
from web.secrets import SecretsError


class Commands(click.Group):
    """Finds the commands by name; a module is imported only when its command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found = importlib.import_module(f"{commands.__name__}.{cmd_name}").command
        assert isinstance(found, click.Command)  # noqa: S101 - a module that breaks the rule above
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Whatever a person can put right is told in words, without a traceback."""
        try:
            return super().invoke(ctx)
        except (ConfigError, CatalogError, SecretsError, AccountDisabled) as error:
            raise click.ClickException(str(error)) from error
        except StorageError as error:
            raise click.ClickException(f"the database cannot be used: {why(error)}") from error
        except BrokenPipeError:
            raise
        except OSError as error:
            words = ": ".join(filter(None, (str(error.filename or ""), error.strerror)))
            raise click.ClickException(words or repr(error)) from error


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """KScope: one OpenAI-compatible URL over a Slurm cluster.

    Settings come from the environment; config.example.env lists them.
    """
    os.umask(0o077)


if __name__ == "__main__":
    main()
