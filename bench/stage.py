"""What every measurement works with, and the one place where things are started."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cores import Cores
from bench.distribution import PartMissing
from bench.processes import HOST, NotReached, free_port
from bench.subjects.gateway import running_gateway
from bench.subjects.nginx import running_nginx
from bench.subjects.peers import running_litellm, running_router
from bench.subjects.subject import Subject
from bench.wrk import Wrk, create_wrk

Starter = Callable[[Path, Cores, int], AbstractContextManager[Subject]]
PEERS: dict[str, Starter] = {
    "nginx": running_nginx,
    "litellm": running_litellm,
    "vllm-router": running_router,
}


@dataclass(frozen=True, slots=True)
class Effort:
    """rounds x seconds: how long each rate is measured. burst: coroutines at once."""

    rounds: int
    seconds: float
    burst: int


@dataclass(frozen=True, slots=True)
class Stage:
    """direct is the upstream itself."""

    direct: Subject
    gateway: Subject
    peers: tuple[Subject, ...]
    wrk: Wrk
    cores: Cores
    folder: Path
    effort: Effort

    @property
    def subjects(self) -> tuple[Subject, ...]:
        return (self.direct, *self.peers, self.gateway)


@contextmanager
def running_stage(
    folder: Path, cores: Cores, effort: Effort, without: Collection[str] = ()
) -> Iterator[Stage]:
    """The gateway, but for what it is to be `without`, and its upstream; peers join later."""
    direct_port = free_port()
    with running_gateway(folder / "gateway", cores, direct_port, without) as gateway:
        direct = Subject("direct", f"http://{HOST}:{direct_port}")
        yield Stage(direct, gateway, (), create_wrk(cores, folder), cores, folder, effort)


@contextmanager
def with_peers(stage: Stage, names: tuple[str, ...]) -> Iterator[Stage]:
    """The same stage with these peers on it; one that does not start is named and left out."""
    with ExitStack() as stack:
        peers = []
        for name in names:
            _, port = stage.direct.host_port
            try:
                peer = PEERS[name](stage.folder / name, stage.cores, port)
                peers.append(stack.enter_context(peer))
            except (PartMissing, NotReached) as error:
                print(f"without {name}: {error}", flush=True)
        yield replace(stage, peers=tuple(peers))
