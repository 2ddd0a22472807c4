"""The built-in samples: made the same each time, at little cost, and described as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import NotFound
from core.types import DatasetRef
from dataset.audit.report import audit
from dataset.folder import read_manifest
from dataset.ingest.assembly import PORTION
from dataset.ingest.decode_workers import Decoders
from dataset.ingest.samples import SAMPLES, import_sample
from tests.support.clocks import times_as_long


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    import sklearn.datasets  # noqa: F401  # its loading is no sample's

    home = tmp_path_factory.mktemp("samples")
    refs: dict[str, DatasetRef] = {}
    times = {
        key: times_as_long(
            lambda key=key: refs.update({key: import_sample(key, home)}), lambda key=key: decode(refs[key]), rounds=1
        )
        for key in SAMPLES
    }
    return home, refs, times


def decode(ref: DatasetRef) -> None:
    """The control: every image once more, by one decoding process."""
    paths = [Path(ref.root) / "images" / path for path in read_manifest(ref)["path"]]
    with Decoders(1) as decoders:
        for start in range(0, len(paths), PORTION):
            decoders.decode(paths[start : start + PORTION])


@pytest.mark.parametrize("key", ["digits", "photos", "shapes"])
def test_each_sample_is_what_its_card_says(imported, key):
    _, refs, times = imported
    ref, card = refs[key], SAMPLES[key]
    assert (ref.images, len(ref.classes), ref.name) == (card.images, card.classes, card.title)
    assert (ref.source, ref.set_aside) == (f"sample: {key}", ())
    assert audit(ref).worst == "good"
    assert times[key] < 6, "drawing, checking and filing cost much more than decoding every image"  # 2 to 3.5


def test_the_ids_are_the_same_everywhere(imported):
    _, refs, _ = imported
    assert refs["digits"].id == "d585586a22341c93"
    assert refs["shapes"].id == "f8fde963216f5254"


def test_importing_again_returns_the_first(imported):
    home, refs, _ = imported
    assert import_sample("photos", home) == refs["photos"]


def test_digits_are_the_8_by_8_originals_enlarged(imported):
    from sklearn.datasets import load_digits

    _, refs, _ = imported
    path = Path(refs["digits"].root) / "images/7/0007.png"
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("L", (32, 32))
        pixels = np.asarray(image)
    original = load_digits().images[7]
    assert (np.rint(pixels[::4, ::4] / 255 * 16) == original).all()


def test_photo_crops_for_test_share_no_pixel_with_training(imported):
    _, refs, _ = imported
    manifest = read_manifest(refs["photos"])
    assert manifest.groupby("split").size().to_dict() == {"test": 60, "train": 180}
    assert manifest["width"].between(64, 128).all()


def test_an_unknown_sample_is_named(tmp_path):
    with pytest.raises(
        NotFound, match="There is no sample called 'cats'; choose one of digits, photos, shapes"
    ):
        import_sample("cats", tmp_path)
