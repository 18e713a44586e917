"""Installing what the distribution has, while others install too."""

import os
import subprocess
import sys

from tests.gateway_process import REPOSITORY

# Real apt gives up when another one runs, so a second one must not even begin.
APT = """#!/bin/sh
echo "begin $$" >> {log}
find /usr/share -name '*.txt' > {log}.$$
echo "end $$ $*" >> {log}
"""
INSTALL = "import os; os.geteuid = lambda: 0; from bench.distribution import install; install('x')"


def test_those_who_install_at_once_do_it_one_after_the_other(tmp_path):
    log, apt = tmp_path / "log", tmp_path / "apt-get"
    apt.write_text(APT.format(log=log))
    apt.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    running = [
        subprocess.Popen([sys.executable, "-c", INSTALL], env=env, cwd=REPOSITORY) for _ in range(4)
    ]

    assert [each.wait(60) for each in running] == [0, 0, 0, 0]
    lines = [line.split() for line in log.read_text().splitlines()]
    for begin, end in zip(lines[::2], lines[1::2], strict=True):
        assert (begin[0], end[0], begin[1]) == ("begin", "end", end[1])
    assert [line[2] for line in lines[1::2]] == ["update", "install"] * 4
