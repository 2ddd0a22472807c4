"""Thaw from a terminal: the command line, following a job, answers as lines and as JSON."""

from training.cli.terminal import thaw

__all__ = ["thaw"]
