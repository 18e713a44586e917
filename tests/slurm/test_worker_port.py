"""The port: proved unused, then held against twins, while the engine can still bind it."""

import signal
import socket
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from slurm.worker import hold_port
from tests.fakes.callback_gateway import callback_gateway
from tests.slurm.worker_job import HOST, odd, worker_job

REUSE = [["SO_REUSEADDR"], ["SO_REUSEPORT"], ["SO_REUSEADDR", "SO_REUSEPORT"]]


@pytest.fixture
def port() -> int:
    """A port below the ephemeral ones that is free just now."""
    with closing(hold_port(HOST, 20000, 32767)) as holder:
        return int(holder.getsockname()[1])


def listener(host: str, port: int, options: list[str]) -> socket.socket:
    server = socket.socket()
    for option in options:
        server.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
    try:
        server.bind((host, port))
        server.listen()
    except OSError:
        server.close()
        raise
    return server


@pytest.mark.parametrize("options", REUSE)
@pytest.mark.parametrize("host", ["0.0.0.0", HOST])
def test_an_engine_binds_the_held_port(port: int, host: str, options: list[str]) -> None:
    with (
        closing(hold_port(host, port, port)),
        closing(listener(host, port, options)) as engine,
        closing(socket.create_connection((HOST, port), 5)),
    ):
        engine.accept()[0].close()


def test_a_twin_cannot_hold_the_same_port_before_or_after_the_engine_binds(port: int) -> None:
    with closing(hold_port(HOST, port, port)):
        with pytest.raises(OSError, match="no free port"):
            hold_port(HOST, port, port)
        with closing(listener(HOST, port, ["SO_REUSEPORT"])), pytest.raises(OSError):
            hold_port(HOST, port, port)


@pytest.mark.parametrize("options", [[], *REUSE])
@pytest.mark.parametrize("host", ["0.0.0.0", HOST])
def test_a_port_that_somebody_listens_on_is_left_alone(
    port: int, host: str, options: list[str]
) -> None:
    # One that shares (SO_REUSEPORT) would get a part of our requests without a word.
    with closing(listener(host, port, options)), pytest.raises(OSError, match="no free port"):
        hold_port(HOST, port, port)


def test_the_one_free_port_of_a_range_is_found(port: int) -> None:
    if port in (20000, 32767):
        port = port + 1 if port == 20000 else port - 1
    low, high = port - 1, port
    try:
        taken = [listener(HOST, low, [])]
    except OSError:  # then it is taken already
        taken = []
    try:
        with closing(hold_port(HOST, low, high)) as holder:
            assert holder.getsockname()[1] == port
    finally:
        for server in taken:
            server.close()


def test_ports_are_picked_at_random() -> None:
    picked = set()
    for _ in range(5):
        with closing(hold_port(HOST, 20000, 32767)) as holder:
            picked.add(holder.getsockname()[1])

    assert len(picked) > 1


@pytest.mark.parametrize("reuse", REUSE)
def test_the_port_stays_held_while_the_engine_serves_on_it(
    tmp_path: Path, reuse: list[str]
) -> None:
    with callback_gateway() as gateway, worker_job(tmp_path, gateway, odd(reuse=reuse)):
        port = gateway.wait_for("ready").body["port"]
        with pytest.raises(OSError):
            hold_port(HOST, port, port)
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as answer:
            assert answer.status == 200


def test_two_workers_never_share_a_port(tmp_path: Path, port: int) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    with (
        callback_gateway() as first,
        callback_gateway() as second,
        worker_job(folders[0], first, odd(), port_range=[port, port]) as serving,
    ):
        first.wait_for("ready")
        with worker_job(folders[1], second, odd(), port_range=[port, port]) as twin:
            assert twin.wait() == 1
        serving.signal(signal.SIGTERM)
        assert serving.wait() == 0

    ended = second.wait_for("ended").body
    assert f"no free port from {port} to {port}" in ended["detail"]
    assert "starting" not in second.events()
    assert first.events() == ["claim", "starting", "ready", "draining", "ended"]
