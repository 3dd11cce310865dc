"""The Slurm of this machine, for the tests of this folder."""

from runs import slurm

__all__ = ["slurm"]
