"""What the kit changes outside its own folder, and takes back: one account, lines in /etc/hosts."""

import pwd
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.integration.kit.packages import program

HOSTS = Path("/etc/hosts")
MARK = "kscope test kit"


def ensure_account(name: str, home: Path) -> Path:
    """An unprivileged account to submit jobs; returns its home.

    One that somebody else made is used as it stands, and never removed.
    """
    remove_account(name)
    if _exists(name):
        return Path(pwd.getpwnam(name).pw_dir)
    # sshd refuses an account whose password is locked ("!"), not one without a usable one ("*").
    options = ["--create-home", "--home-dir", str(home), "--shell", "/bin/bash"]
    _run("useradd", *options, "--password", "*", "--comment", MARK, name)
    return home


def remove_account(name: str) -> None:
    """Remove the account if an earlier or this run of the kit made it."""
    if _exists(name) and pwd.getpwnam(name).pw_gecos == MARK:
        # Its home lies in the kit's folder, which is removed as a whole.
        _run("userdel", "--force", name)


def add_hosts(names: Iterable[str]) -> None:
    """Give each node name a loopback address of its own, as a site's DNS would."""
    remove_hosts()
    lines = [f"127.0.1.{index} {name} # {MARK}\n" for index, name in enumerate(names, start=1)]
    before = HOSTS.read_text()
    if before and not before.endswith("\n"):
        lines.insert(0, "\n")
    HOSTS.write_text(before + "".join(lines))


def remove_hosts() -> None:
    before = HOSTS.read_text()
    after = "".join(line for line in before.splitlines(keepends=True) if MARK not in line)
    if after != before:
        # Written in place: in a container the file is a mount and cannot be replaced.
        HOSTS.write_text(after)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _run(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [program(name), *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed: {done.stderr}")
