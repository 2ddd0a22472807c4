"""A run that has ended, back in memory: its backbone with the kept weights, its images, and features of any of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from advisor import catalog
from advisor.errors import NotFound, StateError
from advisor.files import find_as
from advisor.ingest import load_dataset
from advisor.plans import RunConfig, run_config_from_json
from advisor.types import DatasetRef
from training import caches, devices, frozen
from training.backbones import Backbone, build
from training.checkpoint import read_weights
from training.data import Rows
from training.images import ImageData
from training.prefix import PrefixCache
from training.run_folder import RunFolder
from training.run_result import RunResult
from training.store import Job

BATCH = 128

Tick = Callable[[int, int], None]
"""Called with (images done, images in all); may raise to stop."""


class Trained:
    """One run's model and images. Raises StateError for a run without kept weights, NotFound when they are gone."""

    def __init__(self, job: Job, home: Path) -> None:
        kept = RunResult.of(job).weights if job.kind == "train" else None
        if not kept:
            raise StateError(f"{job.noun} '{job.id}' has no kept weights to look into: {job.state}.")
        if not (home / kept).is_file():
            raise NotFound(f"The weights of run '{job.id}' are gone from {home}: train it again.")
        self.job, self.home = job, home
        self.config: RunConfig = run_config_from_json(job.config)
        self.ref: DatasetRef = load_dataset(home, self.config.dataset_id)
        self.device = devices.pick()
        strategy = self.config.strategy
        self.backbone: Backbone = build(
            strategy.backbone, len(self.ref.classes), pretrained=strategy.pretrained, seed=self.config.seed,
            image_px=strategy.image_px, home=home,
        ).to(self.device)  # fmt: skip
        if self.backbone.weights_id == "random":
            self.backbone.weights_id = f"random-{self.config.seed}"
        assert self.backbone.preprocessing is not None
        native = self.backbone.preprocessing.at(catalog.backbone(strategy.backbone).image_px)
        cache = caches.folder_of(home, self.ref.images_id)
        self.data = ImageData(
            self.ref, cache, native, self.config.split_seed, image_px=strategy.image_px, device=self.device
        )
        example = self.data.batch(np.resize(self.data.rows["train"], frozen.pass_batch(self.device)), 0)
        self.precision = self._precision() or frozen.choose(self.backbone, self.device, example, home)
        self.prefix = PrefixCache(self.backbone, self.data, self.device, self.precision, cache)
        self.original = {name: tensor.clone() for name, tensor in self.backbone.state_dict().items()}
        """The weights that the run began with."""
        self.weights = read_weights(home / kept)
        self.lowest = min(phase.boundary for phase in strategy.phases)
        """Stages below this boundary were never trained."""
        self.to_trained()

    def to_trained(self) -> None:
        """Put the kept weights into the backbone."""
        self.backbone.load_state_dict(self.weights)
        self.backbone.eval()

    def to_original(self) -> None:
        """Put the weights that the run began with into the backbone."""
        self.backbone.load_state_dict(self.original)
        self.backbone.eval()

    def features(self, rows: Rows, tick: Tick = lambda done, total: None, data: ImageData | None = None) -> Tensor:
        """Pooled features [len(rows), width] by the weights that are in the backbone now, on the CPU.

        data: other images than the run's own, which no cache holds.
        """
        known = data is None and self.lowest > 0 and not self.prefix.missing(self.lowest, rows, 0)
        first, head = (self.lowest if known else 0), self.backbone.head_index
        run: frozen.Taps | None = None
        parts = []
        for start in range(0, len(rows), BATCH):
            chunk = rows[start : start + BATCH]
            inputs = self.prefix.read(first, chunk, 0) if known else (data or self.data).batch(chunk, 0)
            if first < head:
                run = run or frozen.taps(self.backbone, [head], self.precision, self.device, inputs, start=first)
                inputs = run(inputs)[0]
            parts.append(inputs.float().cpu())
            tick(min(start + BATCH, len(rows)), len(rows))
        return torch.cat(parts) if parts else torch.zeros(0, self.backbone.width)

    @torch.no_grad()
    def probabilities(self, features: Tensor) -> Tensor:
        """[images, classes] on the CPU, by the head that is in the backbone now."""
        logits: Tensor = self.backbone.head(features.to(self.device))
        return logits.float().softmax(1).cpu()

    def _precision(self) -> str | None:
        return (find_as(RunFolder(self.home, self.job.id).runtime, dict[str, str]) or {}).get("frozen")
