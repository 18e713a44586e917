"""A small Slurm cluster with a login node, for tests: real daemons, one machine, one session."""

import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.integration.kit import configuration as conf
from tests.integration.kit.cluster import SlurmDaemons
from tests.integration.kit.login import LoginNode
from tests.integration.kit.processes import GATEWAY_MARK
from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[3]
USER = "llm"
# squeue's words for jobs that will not run (again).
OVER = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "COMPLETING", "DEADLINE"}
    | {"FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"}
)
_FIELDS = ("id", "state", "reason", "node", "user", "name")
_FILLER = "#!/bin/sh\nexec sleep 3600\n"


class SlurmKit:
    """What tests do to the cluster, as its administrator. Ids are strings, times seconds."""

    ssh_host = "127.0.0.1"
    ssh_user = USER
    partition = conf.PARTITION
    nodes = conf.NODES
    gpus = len(conf.NODES) * conf.GPUS_PER_NODE

    def __init__(self, folder: Path, ports: conf.Ports, home: Path) -> None:
        self.folder = folder
        self.home = home
        self.daemons = SlurmDaemons(folder, ports)
        self.login = LoginNode(folder, ports, USER)
        self.ssh_port = ports.ssh
        self.key_file = self.login.client_key
        self.known_hosts_file = self.login.known_hosts

    def gateway_env(self) -> dict[str, str]:
        """The gateway's environment for this cluster; the gateway runs on this machine as root."""
        return {
            "CLUSTER": "slurm",
            "SSH_HOST": self.ssh_host,
            "SSH_PORT": str(self.ssh_port),
            "SSH_USERNAME": self.ssh_user,
            "SSH_KEY_FILE": str(self.key_file),
            "SSH_KNOWN_HOSTS_FILE": str(self.known_hosts_file),
            "WORKER_SLURM_PARTITION": self.partition,
            GATEWAY_MARK: str(self.folder),
        }

    def install_simulator(self) -> Path:
        """Copy the engine stand-in to where the account can read it; returns its PYTHONPATH."""
        root = self.home / "simulator"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(REPOSITORY / "slurm/simulator", root / "slurm/simulator")
        (root / "slurm/__init__.py").touch()
        for path in (root, *root.rglob("*")):
            shutil.chown(path, USER, USER)
        return root

    def squeue(self, user: str = "") -> list[dict[str, str]]:
        """All jobs Slurm still knows, finished ones too: id, state, reason, node, user, name."""
        only = ["-u", user] if user else []
        rows = self.daemons.run(
            "squeue", "-h", "-a", "-t", "all", *only, "-o", "%i|%T|%r|%B|%u|%j"
        ).stdout
        return [dict(zip(_FIELDS, row.split("|", 5), strict=True)) for row in rows.splitlines()]

    def live_jobs(self) -> list[dict[str, str]]:
        """The account's jobs that run or may yet run."""
        return [job for job in self.squeue(USER) if job["state"] not in OVER]

    def job(self, job_id: str) -> dict[str, str]:
        return next(job for job in self.squeue() if job["id"] == job_id)

    def sbatch_filler(self, gpus: int | None = None) -> list[str]:
        """Occupy that many GPUs (default all) by another user's jobs, and wait until they run."""
        wanted = self.gpus if gpus is None else gpus
        sizes = [conf.GPUS_PER_NODE] * (wanted // conf.GPUS_PER_NODE)
        sizes += [1] * (wanted % conf.GPUS_PER_NODE)
        ids = [self._submit_filler(size) for size in sizes]
        wait_until(
            lambda: all(self.job(job_id)["state"] == "RUNNING" for job_id in ids),
            timeout_s=20,
            what="fillers running",
        )
        return ids

    def sbatch_urgent(self, node: str) -> str:
        """A job that wants the whole node at once; whatever runs there is preempted for it."""
        where = [f"--partition={conf.URGENT}", f"--nodelist={node}"]
        return self._submit_filler(conf.GPUS_PER_NODE, *where)

    def release(self, job_id: str) -> None:
        """Let a requeued job start at once: Slurm holds it back for two minutes (cred_expire)."""
        with suppress(subprocess.CalledProcessError):
            self.daemons.run("scontrol", "update", f"JobId={job_id}", "StartTime=now")

    def scancel(self, *job_ids: str) -> None:
        self.daemons.run("scancel", *job_ids)

    def cancel_all(self) -> None:
        """Leave an empty, answering cluster behind, whatever a test did to it."""
        self.resume_sshd()
        if not self.login.daemon.is_running:
            self.start_sshd()
        self.daemons.make_idle()

    def pause_controller(self) -> None:
        self.daemons.controller.pause()

    def resume_controller(self) -> None:
        self.daemons.controller.resume()

    def wait_until_saved(self, job_id: str) -> None:
        """slurmctld saves its state some time after a change; killed before, it forgets jobs."""
        now = time.time()
        self.daemons.run("scontrol", "update", f"JobId={job_id}", "AdminComment=a change to save")
        saved = self.folder / "state/job_state"
        wait_until(lambda: saved.exists() and saved.stat().st_mtime > now, 30, "jobs saved")

    def kill_controller(self) -> None:
        self.daemons.controller.kill()

    def start_controller(self) -> None:
        self.daemons.controller.start()

    def pause_sshd(self) -> None:
        self.login.daemon.pause()

    def resume_sshd(self) -> None:
        self.login.daemon.resume()

    def kill_sshd(self) -> None:
        self.login.crash()

    def start_sshd(self) -> None:
        self.login.start()

    def node_kill(self, node: str) -> None:
        self.daemons.crash_node(node)

    def give_up_node(self, node: str) -> None:
        """What slurmctld does of its own accord after SlurmdTimeout, at once."""
        self.daemons.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=dead")

    def start_node(self, node: str) -> None:
        self.daemons.nodes[node].start()

    def _submit_filler(self, gpus: int, *where: str) -> str:
        options = ["--parsable", "-J", "filler", "-o", "/dev/null", f"--gres=gpu:{gpus}", *where]
        return self.daemons.run("sbatch", *options, stdin=_FILLER).stdout.strip().split(";")[0]
