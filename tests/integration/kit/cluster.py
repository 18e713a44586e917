"""Real slurmctld, slurmd and munged in one folder; started and stopped as a whole."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.integration.kit import configuration as conf
from tests.integration.kit.packages import program
from tests.integration.kit.processes import Daemon, environment_of, folder_of, kit_pids
from tests.waiting import wait_until


class SlurmDaemons:
    """`folder` holds everything. All of it runs as root, as one machine that plays three nodes."""

    def __init__(self, folder: Path, ports: conf.Ports) -> None:
        self._folder = folder
        self.conf = folder / "slurm.conf"
        self.conf.write_text(conf.slurm_conf(folder, ports))
        (folder / "gres.conf").write_text(conf.GRES_CONF)
        (folder / "state").mkdir()
        self.munged = self._daemon("munged", *self._munge_options())
        self.controller = self._daemon("slurmctld", "-D")
        self.nodes = {name: self._node(name) for name in ports.nodes}

    def start(self) -> None:
        self.munged.start()
        wait_until((self._folder / "munge/socket").exists, what="munged's socket")
        self.controller.start()
        for node in self.nodes.values():
            node.start()
        self.wait_for_idle_nodes()

    def stop(self) -> None:
        for daemon in (*self.nodes.values(), self.controller, self.munged):
            daemon.stop()

    def wait_for_idle_nodes(self, timeout_s: float = 30) -> None:
        try:
            wait_until(self._all_idle, timeout_s, "three idle nodes")
        except AssertionError as late:
            logs = [d.log_tail() for d in (self.munged, self.controller, *self.nodes.values())]
            raise AssertionError(f"{late}: {self.node_states()}\n" + "\n---\n".join(logs)) from late

    def make_idle(self) -> None:
        """Every daemon runs and every node is idle, whatever happened before; no job is left."""
        for daemon in (self.munged, self.controller, *self.nodes.values()):
            daemon.resume()
            if not daemon.is_running:
                daemon.start()
        wait_until(self.node_states, what="the controller answers")
        for job_id in self.run("squeue", "-h", "-a", "-o", "%i").stdout.split():
            self.run("scancel", job_id)
        try:
            wait_until(self._all_idle, timeout_s=8)
        except AssertionError:
            # A node that crashed and came back stays "completing" for a minute.
            for state in ("DOWN", "RESUME"):
                nodes = "NodeName=" + ",".join(self.nodes)
                self.run("scontrol", "update", nodes, f"State={state}", "Reason=reset")
            self.wait_for_idle_nodes()

    def node_states(self) -> dict[str, str]:
        """Slurm's own word for each node; nothing while the controller does not answer."""
        with suppress(subprocess.SubprocessError):
            rows = self.run("sinfo", "-h", "-N", "-o", "%N %T").stdout.splitlines()
            return dict(row.split() for row in rows)
        return {}

    def run(
        self, name: str, *arguments: str, stdin: str = "", timeout_s: float = 15
    ) -> subprocess.CompletedProcess[str]:
        """A Slurm command as root. Raises CalledProcessError and TimeoutExpired."""
        return subprocess.run(
            [program(name), *arguments],
            input=stdin,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SLURM_CONF": str(self.conf)},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=True,
        )

    def crash_node(self, name: str) -> None:
        """The node loses its power: slurmd, its step daemons and every process of its jobs."""
        self.nodes[name].kill()

        def none_left() -> bool:
            found = self.node_pids(name)
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not found

        wait_until(none_left, what=f"processes of {name} gone")

    def node_pids(self, name: str) -> list[int]:
        """slurmd, its step daemons, and the processes of the node's jobs; in this order.

        A step daemon must die first: one that saw its job die would still tell the controller.
        """
        own = [pid for pid in kit_pids(self._folder) if folder_of(pid) == self._folder / name]
        jobs = [
            p for p in kit_pids(self._folder) if environment_of(p).get("SLURMD_NODENAME") == name
        ]
        return [*own, *jobs]

    def _all_idle(self) -> bool:
        return self.node_states() == dict.fromkeys(self.nodes, "idle")

    def _daemon(self, name: str, *options: str) -> Daemon:
        return self._in_folder(self._folder, name, name, *options)

    def _node(self, node: str) -> Daemon:
        folder = self._folder / node
        folder.mkdir()
        return self._in_folder(folder, node, "slurmd", "-D", "-N", node)

    def _in_folder(self, folder: Path, log: str, name: str, *options: str) -> Daemon:
        return Daemon(
            [program(name), *options],
            folder=folder,
            log=self._folder / "log" / f"{log}.log",
            env={"SLURM_CONF": str(self.conf)},
        )

    def _munge_options(self) -> list[str]:
        folder = self._folder / "munge"
        folder.mkdir(mode=0o755)
        key = folder / "key"
        key.touch(mode=0o400)
        key.write_bytes(os.urandom(128))
        return [
            "--foreground",
            f"--socket={folder}/socket",
            f"--key-file={key}",
            f"--pid-file={folder}/pid",
            f"--log-file={folder}/log",
            f"--seed-file={folder}/seed",
        ]


def copy_logs(folder: Path, target: Path) -> None:
    """Keep the daemons' words for whoever reads a failure afterwards."""
    shutil.rmtree(target, ignore_errors=True)
    with suppress(OSError):
        shutil.copytree(folder / "log", target)
