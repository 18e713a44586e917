"""What the commands share: options, the database, waiting, painting in place, times in words."""

import os
import pwd
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click

from web.config import Settings
from web.database import Database

AS_JSON = click.option("--json", "as_json", is_flag=True, help="For machines: JSON on stdout.")
# As timeout(1) ends.
TIMED_OUT = 124
INTERRUPTED = 130

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_HOME, _TO_END_OF_LINE, _TO_END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The database at its newest revision, so that there is an answer before the first start."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.database_url)
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def pause(seconds: float) -> None:
    """The only place where a command sleeps."""
    time.sleep(seconds)


def repeat(render: Callable[[], str], every_s: float) -> None:
    """Show what `render` returns again and again: in place on a terminal, else block by block.

    Ends with Ctrl-C, quietly.
    """
    in_place = sys.stdout.isatty()
    try:
        while True:
            text = render()
            click.echo(_screenful(text) if in_place else text, nl=not in_place)
            pause(every_s)
    except KeyboardInterrupt:
        click.echo(nl=in_place)


def _screenful(text: str) -> str:
    """`text` painted over what stands there, cut to the terminal so that nothing wraps."""
    size = shutil.get_terminal_size()
    lines = text.splitlines()[: size.lines - 1]
    painted = (line[: size.columns] + _TO_END_OF_LINE + "\n" for line in lines)
    return _HOME + "".join(painted) + _TO_END_OF_SCREEN


def one_line(text: str, limit: int = 300) -> str:
    """The last line of `text` that says anything, safe for a terminal and of bounded length.

    What engines print of an error ends with the error.
    """
    lines = [line.strip() for line in harmless(text).splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last if len(last) <= limit else last[: limit - 1] + "…"


def harmless(text: str) -> str:
    """`text` without colours and control characters: those of a log can be anybody's."""
    plain = click.unstyle(text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in plain if c in "\n\t" or unicodedata.category(c) != "Cc")


def length(seconds: float) -> str:
    """A length of time in at most two units: `45s`, `12m`, `3h05m`, `2d4h`."""
    whole = max(0, int(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR}h"


def login_name(environ: Mapping[str, str] = os.environ) -> str:
    """Who runs this command; behind sudo, whoever called that."""
    behind_sudo = environ.get("SUDO_USER", "").strip()
    if behind_sudo:
        return behind_sudo
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
