"""From the command line to a listening server, and down again on SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence

from slurm.simulator import ranks
from slurm.simulator.connection import Connection
from slurm.simulator.options import Options, parse
from slurm.simulator.routes import Router
from slurm.simulator.state import State

BACKLOG = 2048
log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; the exit code of the process."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    options = parse(argv)
    if options.die_at_start:
        print("RuntimeError: Engine core initialization failed.", file=sys.stderr)
        return 1
    if fault := options.place.fault():
        print(f"ValueError: {fault}", file=sys.stderr)
        return 1
    try:
        asyncio.run(run(options))
    except (OSError, ranks.Lost) as error:
        print(f"RuntimeError: {error}", file=sys.stderr)
        return 1
    return 0


async def run(options: Options) -> None:
    """Be one process of the engine until told to stop. Raises OSError or ranks.Lost."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    life = ranks.follow(options.place) if options.place.headless else serve(options)
    await ranks.first(stopped.wait(), life)


async def serve(options: Options) -> None:
    """Bind, start up, listen, answer, until cancelled. Raises OSError or ranks.Lost."""
    bound = bind(options.host, options.port)
    router = Router(State(options))
    open_ones: set[Connection] = set()
    try:
        others = ranks.Head(options.place)
        await others.gather()
        await ranks.first(asyncio.sleep(options.startup_s), others.broken())
        await asyncio.get_running_loop().create_server(
            lambda: Connection(router.answer, options.keep_alive_s, open_ones),
            sock=bound,
            backlog=BACKLOG,
        )
        log.info("Application startup complete. Listening on %s", bound.getsockname())
        await others.broken()
    finally:
        # vLLM aborts what is in flight unless told otherwise.
        for connection in list(open_ones):
            connection.abort()
        bound.close()


def bind(host: str, port: int) -> socket.socket:
    """The address taken, but not listening: until the engine is up, clients are refused.

    SO_REUSEPORT as in vLLM: a second server on the same port is not told, and both are asked.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((host, port))
    return bound
