"""Real Slurm and real sshd on one machine, for the tests in this folder."""

from tests.integration.kit.session import running_kit
from tests.integration.kit.slurm_kit import USER, SlurmKit

__all__ = ["USER", "SlurmKit", "running_kit"]
