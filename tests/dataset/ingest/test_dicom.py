"""pydicom's own test files, those that its wheel holds: read as its own windowing gives them, or refused by name."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import pixels

from core import Decoding
from core.portable import pictures
from dataset.ingest import Decoded, load_decoders
from dataset.ingest.decoding import decode

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
GREY = ("CT_small", "MR_small", "MR_small_RLE", "MR_small_bigendian", "J2K_pixelrep_mismatch", "JPEG2000",
        "examples_overlay", "image_dfl")  # fmt: skip
COLOUR = {"SC_rgb_small_odd": (3, 3), "examples_rgb_color": (320, 240), "examples_palette": (800, 350)}
REFUSED = {
    "MR_truncated": "a DICOM file that pydicom cannot decode here: The number of bytes of pixel data is less than",
    "JPEGLSNearLossless_16": "a DICOM file that pydicom cannot decode here: Unable to decompress 'JPEG-LS Lossy",
    "rtplan": "a DICOM file without a picture",
    "test-SR": "a DICOM file without a picture",
}


def file(name: str) -> Path:
    return FILES / f"{name}.dcm"


@pytest.mark.parametrize("name", GREY)
def test_grey_files_are_rescaled_and_windowed_as_pydicom_does(name: str) -> None:
    load_decoders()
    about = pydicom.dcmread(file(name))
    wanted = pixels.apply_voi_lut(pixels.apply_modality_lut(about.pixel_array, about), about)
    seen = decode(file(name))
    assert isinstance(seen, Decoded) and seen.traits == ("grey", "deep") and seen.values
    assert (seen.values.low, seen.values.high) == pytest.approx((wanted.min(), wanted.max()), rel=1e-6)
    value_range = (float(wanted.min()), float(wanted.max()))
    shown = pictures.read(file(name), value_range)
    kind = np.int32 if wanted.dtype.kind in "iu" else np.float32
    assert np.array_equal(np.asarray(shown), pictures.reduce(wanted.astype(kind), value_range))


@pytest.mark.parametrize("name", COLOUR)
def test_colour_files_are_pictures(name: str) -> None:
    seen = decode(file(name))
    assert isinstance(seen, Decoded) and (seen.width, seen.height) == COLOUR[name] and not seen.traits
    assert len(np.unique(np.asarray(pictures.read(file(name))))) > 2


@pytest.mark.parametrize("name", REFUSED)
def test_the_others_are_refused_by_name(name: str) -> None:
    answer = decode(file(name))
    assert isinstance(answer, str) and answer.startswith(REFUSED[name])


def test_frames_are_pages() -> None:
    several = FILES / "SC_rgb_rle_2frame.dcm"
    first, second = (np.asarray(pictures.read(several, None, (page,))) for page in (1, 2))
    assert not np.array_equal(first, second)
    assert decode(several, Decoding(pages=(3,))) == "has 2 pages; page 3 was asked for"


def test_without_pydicom_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    assert decode(file("CT_small")) == (
        "a DICOM file, which is read only where the package pydicom is installed (pip install pydicom)"
    )
