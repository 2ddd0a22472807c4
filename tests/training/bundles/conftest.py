"""What the tests of bundles share: one run, trained once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advisor.planning.options import Options
from advisor.planning.strategies import plan
from benchmarks.sample_formats import png16
from core.plans import RunConfig, to_json
from core.types import DatasetRef
from core.zoo import catalog
from dataset.edits import Edit
from dataset.ingest.sources import import_path
from dataset.revisions import revise
from tests.conftest import write_images
from tests.training.export.test_export import run_to_end
from training.store.records import Job

Made = tuple[Path, DatasetRef, Job]


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A home with one run of a revision (an image relabelled) of a small dataset, half of it of 12 bits in 16."""
    place = tmp_path_factory.mktemp("bundled")
    home = place / "home"
    folder = write_images(place / "shapes", classes=("round", "square"), per_class=15)
    for file in sorted(folder.rglob("*.png"))[::2]:
        file.write_bytes(png16(16 * np.asarray(Image.open(file)).astype(np.uint16)))
    ref = import_path(folder, home)
    assert ref.decoding.value_range == (0, 4095)
    revision = revise(home, ref, [Edit("relabel", ("round/000.png",), "square")])
    strategy = plan("scratch", catalog.backbone("mlp"), train_images=24, classes=2, options=Options(epochs=30))
    config = RunConfig(revision.id, strategy, seed=7, minutes=5)
    return home, revision, run_to_end(home, "train", revision.id, to_json(config))
