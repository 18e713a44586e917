"""Slurm from outside: a small library that knows sbatch, squeue and SSH, and nothing of the gateway."""
