"""The text of slurm.conf, gres.conf and sshd_config: pure, so that it can be read as it is."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

NODES = ("gpu1", "gpu2", "gpu3")
GPUS_PER_NODE = 2
PARTITION = "gpu"
# Over the same nodes; its jobs take the place of those in PARTITION, after a grace.
URGENT = "urgent"
GRACE_S = 10
# Below the kernel's ephemeral ports and below the range where engines listen.
PORTS = range(17100, 19900)

_SLURM_CONF = """\
ClusterName=kscope
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
# Without it the nodes are invalid: this machine has fewer CPUs than they declare.
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
GresTypes=gpu
ReturnToService=2
KillWait=5
InactiveLimit=0
SlurmctldTimeout=120
SlurmdTimeout=300
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName={partition} Nodes=gpu[1-3] Default=YES MaxTime=08:00:00 State=UP PriorityTier=1 \
  GraceTime={grace_s}
PartitionName={urgent} Nodes=gpu[1-3] MaxTime=08:00:00 State=UP PriorityTier=10 PreemptMode=OFF
"""
_NODE = (
    "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} "
    "CPUs=8 RealMemory=16000 Gres=gpu:{gpus}\n"
)
# A bare Count registers no GPU with slurmd 22.05; any character device will do as the File.
GRES_CONF = """\
NodeName=gpu[1-3] Name=gpu File=/dev/null
NodeName=gpu[1-3] Name=gpu File=/dev/zero
"""
_SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
AllowUsers {user}
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
PrintLastLog no
MaxStartups 100
MaxSessions 100
SetEnv SLURM_CONF={folder}/slurm.conf
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback TCP ports, free when they were chosen."""

    controller: int
    nodes: Mapping[str, int]
    ssh: int


def choose_ports() -> Ports:
    free = _free_ports()
    return Ports(next(free), {name: next(free) for name in NODES}, next(free))


def slurm_conf(folder: Path, ports: Ports) -> str:
    head = _SLURM_CONF.format(
        folder=folder,
        controller_port=ports.controller,
        partition=PARTITION,
        urgent=URGENT,
        grace_s=GRACE_S,
    )
    # Slurm resolves the partition's nodes at the end: their order in the file does not matter.
    return head + "".join(
        _NODE.format(name=name, port=port, gpus=GPUS_PER_NODE) for name, port in ports.nodes.items()
    )


def sshd_config(folder: Path, ports: Ports, user: str) -> str:
    return _SSHD_CONFIG.format(folder=folder, port=ports.ssh, user=user)


def _free_ports() -> Iterator[int]:
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
