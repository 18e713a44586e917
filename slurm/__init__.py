"""Slurm from outside: sbatch, squeue and scancel over SSH, knowing nothing of the gateway."""
