"""A run that has ended, back in memory: its images, and its network as it was kept or as it began."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from core import NotFound, RunConfig, StateError
from training.backbones import read_weights
from training.caches import Bench
from training.caches.prefix import Tick
from training.store import Job, RunResult


class OpenRun:
    """One run's bench, and what training made of its backbone. Raises StateError for a run without kept weights,
    NotFound when they are gone, and as `Bench.of_run` does."""

    def __init__(self, job: Job, home: Path, tick: Tick | None = None) -> None:
        """tick: of the bench."""
        kept = RunResult.of(job).weights if job.kind == "train" else None
        if not kept:
            raise StateError(f"{job.noun} '{job.id}' has no kept weights to look into: {job.state}.")
        if not (home / kept).is_file():
            raise NotFound(f"The weights of run '{job.id}' are gone from {home}: train it again.")
        self.job, self.home = job, home
        self.config: RunConfig = job.plan
        self.bench = Bench.of_run(job.id, self.config, home, tick)
        self.backbone, self.data = self.bench.backbone, self.bench.data
        self.bench.prefix  # noqa: B018  # opened on the weights that the run began with, whose features it holds
        self.original = {name: tensor.clone() for name, tensor in self.backbone.state_dict().items()}
        """The weights that the run began with."""
        self.weights = read_weights(home / kept)
        self.to_trained()

    def to_trained(self) -> None:
        """Put the kept weights into the backbone."""
        self.backbone.load_state_dict(self.weights)
        self.backbone.eval()

    def to_original(self) -> None:
        """Put the weights that the run began with into the backbone."""
        self.backbone.load_state_dict(self.original)
        self.backbone.eval()

    def to_untrained(self) -> Bench:
        """A bench with the backbone as it was before any run: this one, with the weights that it began with, or one of
        its own where those were another run's."""
        if self.config.from_run:
            return Bench.of_run(self.job.id, replace(self.config, from_run=""), self.home)
        self.to_original()
        return self.bench

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """[images, classes] on the CPU, by the head that is in the backbone now."""
        logits: Tensor = self.backbone.head(features.to(self.bench.device))
        return logits.float().softmax(1).cpu()
