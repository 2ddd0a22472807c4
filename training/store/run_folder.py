"""Where a run keeps its files: every path below `home/runs/<id>`, by name. Says where, never whether. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """The folder of one job; most of its files are those of a run."""

    home: Path
    run_id: str

    @property
    def path(self) -> Path:
        return self.home / "runs" / self.run_id

    @property
    def checkpoint(self) -> Path:
        """All that a run needs to go on as if it had not been interrupted; gone when it has ended."""
        return self.path / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """The best weights on validation, with the head."""
        return self.path / "best.safetensors"

    @property
    def test_predictions(self) -> Path:
        """A line an image: path, label, predicted, confidence."""
        return self.path / "test_predictions.csv"

    @property
    def target_predictions(self) -> Path:
        """The same for the test images of the second domain."""
        return self.path / "target_predictions.csv"

    @property
    def out_of_fold(self) -> Path:
        """Of a refitted head: float32 [images, 1 + classes], an image's row and the logits by a head that had not seen
        it."""
        return self.path / "out_of_fold.npy"

    @property
    def runtime(self) -> Path:
        """Arithmetic and threads, as they were measured when the run began."""
        return self.path / "runtime.json"

    @property
    def foreseen(self) -> Path:
        """What was forecast of the run before it began."""
        return self.path / "foreseen.json"

    @property
    def lineage(self) -> Path:
        """The chain of runs before this one, where it started from another run's weights."""
        return self.path / "lineage.json"

    @property
    def start_weights(self) -> Path:
        """And the weights that it started from."""
        return self.path / "start.safetensors"

    @property
    def extended(self) -> Path:
        """Which classes were added after training, and ..."""
        return self.path / "extended.json"

    @property
    def extended_weights(self) -> Path:
        """... the weights with them."""
        return self.path / "extended.safetensors"

    @property
    def export(self) -> Path:
        """The folder with the exported model; it appears whole."""
        return self.path / "export"

    @property
    def explained(self) -> Path:
        """The folder with what was found when the run was looked into; it appears whole."""
        return self.path / "explained"

    def note(self, name: str) -> Path:
        """A JSON document that the engine kept beside the run: 'lr_range', 'few_shot', 'map_before', 'map_after'."""
        return self.path / f"{name}.json"

    def in_home(self, path: Path) -> str:
        """One of these paths as results hold it: relative to the home, which may be moved."""
        return str(path.relative_to(self.home))
