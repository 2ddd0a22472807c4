"""Files of more than 8 bits a sample: one reduction, for everything that looks at a picture."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.sample_formats import EIGHT_BITS, HANDED, MORE, SampleFormat, plain, saved, tiff
from core import DataError, DatasetRef, Decoding, TooFewImages
from core.names import ENDINGS
from core.portable import pictures as files
from dataset import Edit, load_dataset, look_alikes, read_manifest, read_rows, read_thumbnails, revise
from dataset.audit import audit
from dataset.ingest import Decoded, import_path, load_decoders, take_again, targets
from dataset.ingest.decoding import decode
from training.caches import pixels
from ui.server import pictures

KINDS = {**HANDED, **MORE}
OTHERWISE = ("three pages", ".jfif", ".pjpeg", "JPEG 2000", "8 bits, lying on its side")
"""Files of 8 bits."""
SAVE = "save it little-endian, black being 0, with 1, 3 or 4 channels of 8 or 16 bits, or one of 32"
DEEP = [name for name in KINDS if name not in OTHERWISE]


def grey(number: int, size: int = 48) -> np.ndarray:
    """A soft picture of most greys, [size, size], whole numbers."""
    coarse = np.random.default_rng(number).integers(10, 246, (5, 5)).astype(float)
    at = np.linspace(0, 3.999, size)
    low, part = at.astype(int), at % 1
    line = (1 - part)[:, None] * coarse[low] + part[:, None] * coarse[low + 1]
    return np.floor((1 - part) * line[:, low] + part * line[:, low + 1])


def written(folder: Path, kind: SampleFormat, each: int = 4, start: int = 0) -> Path:
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(start, start + each):
            data = kind.write(grey(number + 100 * (label == "b")))
            (folder / label / f"{number}.{kind.ending}").write_bytes(data)
    return folder


def trained_on(ref: DatasetRef, home: Path) -> np.ndarray:
    """The squares that training reads of a dataset, at their own size."""
    folder = home / "cache" / ref.id
    return np.asarray(pixels.pixel_cache(ref.images_root, read_manifest(ref), folder, 48, decoding=ref.decoding)[0])





@pytest.mark.parametrize("kind", DEEP)
def test_what_is_trained_on_shows_what_the_same_pictures_in_8_bits_show(kind: str, home: Path, tmp_path: Path) -> None:
    ref = import_path(written(tmp_path / "deep", KINDS[kind]), home)
    wanted = trained_on(import_path(written(tmp_path / "plain", EIGHT_BITS), home), home)
    found = trained_on(ref, home)
    assert [row.path.rpartition(".")[0] for row in read_rows(ref)] == [f"{c}/{n}" for c in "ab" for n in range(4)]
    assert np.corrcoef(found.ravel().astype(float), wanted.ravel().astype(float))[0, 1] > 0.8  # 0.99 but for the holes
    assert found.std() > 0.6 * wanted.std()


@pytest.mark.parametrize("kind", ["12 bits in 16", "PNG, colour, 12 bits in 16"])
def test_thumbnail_gallery_training_and_export_see_the_same_greys(kind: str, home: Path, tmp_path: Path) -> None:
    """Before each one's own scaling: all read a file through `pictures.read`, given the dataset's range."""
    ref = import_path(written(tmp_path / "deep", KINDS[kind]), home)
    thumbnails = read_thumbnails(ref)
    assert thumbnails is not None
    squares = trained_on(ref, home)
    for number, row in enumerate(read_rows(ref)):
        label, name = row.path.split("/")
        wanted = grey(int(name.partition(".")[0]) + 100 * (label == "b")).astype(np.uint8)
        file = ref.images_root / row.path
        seen = files.read(file, ref.decoding.value_range, ref.decoding.pages)
        assert np.array_equal(np.asarray(seen.convert("L")), wanted)
        assert np.array_equal(squares[number], np.asarray(seen.convert("RGB"))), "48 px: nothing is scaled"
        assert thumbnails[number].tobytes() == look_alikes.thumbnail(seen)
        shown = Image.open(io.BytesIO(pictures.drawn(home, ref.id, number, pictures.LARGE))).convert("L")
        assert np.abs(np.asarray(shown).astype(int) - wanted).max() < 12, "but for JPEG"


def test_one_range_for_all_images_is_chosen_recorded_and_told(home: Path, tmp_path: Path) -> None:
    ref = import_path(written(tmp_path / "deep", KINDS["12 bits in 16"]), home)
    assert ref.decoding == Decoding((0, 4095)) and load_dataset(home, ref.id) == ref
    assert ref.notes == ("12 bits in 16: values 0 to 4,095 become black to white.",)
    record = Path(ref.root) / "dataset.json"
    assert json.loads(record.read_text())["decoding"] == {"value_range": [0.0, 4095.0], "pages": [1]}


def test_what_was_imported_before_ranges_were_kept_still_opens(home: Path, tmp_path: Path) -> None:
    ref = import_path(written(tmp_path / "plain", EIGHT_BITS), home)
    record = Path(ref.root) / "dataset.json"
    older = {name: value for name, value in json.loads(record.read_text()).items() if name != "decoding"}
    record.write_text(json.dumps(older))
    assert load_dataset(home, ref.id) == ref


def test_images_of_8_bits_among_deeper_ones_stay_as_they_are(home: Path, tmp_path: Path) -> None:
    written(tmp_path / "mixed", KINDS["12 bits in 16"], each=3)
    written(tmp_path / "mixed", EIGHT_BITS, each=2, start=7)
    ref = import_path(tmp_path / "mixed", home)
    assert any("The 4 images of 8 bits stay as they are." in note for note in ref.notes)
    squares = dict(zip((row.path for row in read_rows(ref)), trained_on(ref, home), strict=True))
    assert np.array_equal(squares["a/7.png"][..., 0], grey(7)) and np.array_equal(squares["b/2.tif"][..., 0], grey(102))


def test_another_range_is_another_dataset_with_pixels_of_its_own(home: Path, tmp_path: Path) -> None:
    folder = written(tmp_path / "deep", KINDS["int16, a CT's numbers"])
    chosen = import_path(folder, home)
    window = import_path(folder, home, decoding=Decoding((-160, 239)))
    assert window.id != chosen.id and window.images_root != chosen.images_root
    assert window.notes == ("As asked: values -160 to 239 become black to white.",)
    assert not np.array_equal(trained_on(window, home), trained_on(chosen, home))
    assert (trained_on(window, home) == 0).any() and (trained_on(window, home) == 255).any()
    assert import_path(folder, home, decoding=Decoding((-160, 239))).id == window.id
    revised = revise(home, window, [Edit("exclude", ("a/0.tif",))])
    assert revised.decoding == window.decoding


def test_an_import_is_decoded_anew_with_its_labels(home: Path, tmp_path: Path) -> None:
    table = "".join(f"{label}/{n}.tif,{'even' if n % 2 else 'odd'}\n" for label in "ab" for n in range(4))
    (written(tmp_path / "deep", KINDS["12 bits in 16"]) / "labels.csv").write_text("path,label\n" + table)
    ref = import_path(tmp_path / "deep", home)
    dim = take_again(ref, home, decoding=Decoding((0, 8000)))
    assert (dim.classes, dim.counts, dim.name) == (("even", "odd"), ref.counts, ref.name) and dim.id != ref.id
    assert [(row.path, row.label) for row in read_rows(dim)] == [(row.path, row.label) for row in read_rows(ref)]
    assert (dim.images_root / "a" / "0.tif").samefile(ref.images_root / "a" / "0.tif")
    with pytest.raises(DataError, match=f"its edits would be lost: give its import, {ref.id}"):
        take_again(revise(home, ref, [Edit("exclude", ("a/0.tif",))]), home, decoding=Decoding((0, 8000)))


def test_an_archive_is_remembered_by_how_it_was_decoded(home: Path, tmp_path: Path) -> None:
    folder = written(tmp_path / "deep", KINDS["12 bits in 16"])
    archive = Path(shutil.make_archive(str(tmp_path / "deep"), "zip", folder))
    usual, dim = import_path(archive, home), import_path(archive, home, decoding=Decoding((0, 8000)))
    assert usual.id != dim.id and import_path(archive, home) == usual
    assert import_path(archive, home, decoding=Decoding((0, 8000))) == dim


def test_a_range_for_8_bits_is_told_to_change_nothing(home: Path, tmp_path: Path) -> None:
    folder = written(tmp_path / "plain", EIGHT_BITS)
    ref = import_path(folder, home, decoding=Decoding((0, 90)))
    assert ref.notes == ("All images are of 8 bits: the value range that was asked for changes nothing.",)
    assert ref.decoding == Decoding() and ref.id == import_path(folder, home).id


def test_a_target_is_decoded_as_its_dataset(home: Path, tmp_path: Path) -> None:
    ref = import_path(written(tmp_path / "deep", KINDS["12 bits in 16"]), home, decoding=Decoding((0, 8000)))
    other = written(tmp_path / "other", KINDS["12 bits in 16"], start=50)
    assert targets.attach(home, ref, other).decoding == ref.decoding


# -- pages ----------------------------------------------------------------------------------------------------------


def paged(folder: Path, pages: int = 3) -> Path:
    for label, first in (("a", 0), ("b", 40)):
        (folder / label).mkdir(parents=True)
        for number in range(2):
            values = [Image.new("L", (20, 20), first + 60 * page + number) for page in range(pages)]
            values[0].save(folder / label / f"{number}.tif", save_all=True, append_images=values[1:])
    return folder


def test_the_first_page_is_taken_and_told(home: Path, tmp_path: Path) -> None:
    ref = import_path(paged(tmp_path / "stack"), home)
    assert ref.notes == ("4 files hold several pages or pictures: number 1 of each is taken.",)
    assert trained_on(ref, home)[:, 0, 0].tolist() == [[0] * 3, [1] * 3, [40] * 3, [41] * 3]


def test_a_chosen_page_and_three_as_channels(home: Path, tmp_path: Path) -> None:
    folder = paged(tmp_path / "stack")
    second = import_path(folder, home, decoding=Decoding(pages=(2,)))
    colour = import_path(folder, home, decoding=Decoding(pages=(1, 2, 3)))
    assert len({second.id, colour.id, import_path(folder, home).id}) == 3
    assert trained_on(second, home)[:, 0, 0].tolist() == [[60] * 3, [61] * 3, [100] * 3, [101] * 3]
    assert trained_on(colour, home)[1, 0, 0].tolist() == [1, 61, 121]
    assert colour.notes == ("4 files hold several pages or pictures: 1, 2 and 3 become red, green and blue.",)


def test_pages_that_no_file_has_are_said_where_that_leaves_nothing(home: Path, tmp_path: Path) -> None:
    with pytest.raises(TooFewImages) as refused:
        import_path(paged(tmp_path / "stack"), home, decoding=Decoding(pages=(9,)))
    why = "What most often cannot be read (4 images, as 'a/0.tif'): has 3 pages; page 9 was asked for."
    assert str(refused.value).endswith(why)


def test_a_file_without_the_page_that_was_asked_for_is_set_aside_by_name(home: Path, tmp_path: Path) -> None:
    folder = paged(tmp_path / "stack")
    Image.new("L", (20, 20)).save(folder / "a" / "single.png")
    ref = import_path(folder, home, decoding=Decoding(pages=(2,)))
    assert ref.set_aside == (("a/single.png", "has 1 page; page 2 was asked for"),)


# -- names, sizes, what is not read ---------------------------------------------------------------------------------


def test_the_names_of_formats_stand_in_one_place() -> None:
    assert set(files.FORMATS) | set(files.OPTIONAL) == set(ENDINGS)


@pytest.mark.parametrize("ending", ["jfif", "pjpeg", "jpe", "JFIF", "jp2", "j2k"])
def test_other_endings_of_jpeg_and_jpeg_2000_are_images(ending: str, home: Path, tmp_path: Path) -> None:
    form = "JPEG2000" if ending.startswith(("jp2", "j2k")) else "JPEG"
    ref = import_path(written(tmp_path / "named", SampleFormat(ending, lambda g: saved(plain(g), form))), home)
    assert ref.images == 8 and not any(row.traits.replace("grey", "").strip() for row in read_rows(ref))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "i4", "f4", "colour u1", "colour u2"])
def test_a_tiff_shows_its_samples_whatever_their_order_packing_planes_and_orientation(
    kind: str, order: str, packed: bool, tmp_path: Path
) -> None:
    """To the last bit: of big-endian, packed, planar and turned ones Pillow alone shows others."""
    random, kind, colour = np.random.default_rng(7), kind.rpartition(" ")[2], kind.startswith("colour")
    shape = (20, 30, 3) if colour else (20, 30)
    low, high = (0, 1) if kind == "f4" else (np.iinfo(kind).min, np.iinfo(kind).max)
    values = (random.random(shape) if kind == "f4" else random.integers(low, high, shape, endpoint=True)).astype(kind)
    wanted = files.reduce(values, (low, high))
    for planes in (False, True) if colour else (False,):
        for turned, turns in ((1, 0), (3, 2), (6, -1), (8, 1)):
            file = tmp_path / f"{planes}{turned}.tif"
            more = {"photometric": 2 if colour else 1, "planes": planes, "turned": turned}
            file.write_bytes(tiff(values, kind, order=order, packed=packed, **more))
            seen = np.asarray(files.read(file))
            upright = np.rot90(wanted, turns)
            assert seen.shape == upright.shape and np.array_equal(seen, upright), f"{planes=}, {turned=}"
            judged = decode(file)
            assert isinstance(judged, Decoded) and (judged.height, judged.width) == upright.shape[:2]


def test_channels_that_are_left_out_are_told(tmp_path: Path) -> None:
    (tmp_path / "two.tif").write_bytes(tiff(np.dstack([grey(0), grey(1)]), "u1").replace(b"\x52\x01\x03\x00\x01\x00"
                                       b"\x00\x00\x02", b"\x52\x01\x03\x00\x01\x00\x00\x00\x00"))  # fmt: skip
    seen = decode(tmp_path / "two.tif")
    assert isinstance(seen, Decoded) and "channels" in seen.traits


def test_a_sample_format_that_is_not_read_is_named(home: Path, tmp_path: Path) -> None:
    folder = written(tmp_path / "mixed", EIGHT_BITS)
    (folder / "a" / "double.tif").write_bytes(tiff(grey(0) / 255, "f8"))
    (folder / "a" / "bands.tif").write_bytes(tiff(np.dstack([grey(0)] * 5), "u2"))
    (folder / "a" / "white.tif").write_bytes(tiff(grey(0), "u2", order=">", photometric=0))
    ref = import_path(folder, home)
    assert dict(ref.set_aside) == {
        "a/bands.tif": f"a TIFF of 5 channels of 16-bit whole numbers, which is not read: {SAVE}",
        "a/double.tif": f"a TIFF of 64-bit floating-point numbers, which is not read: {SAVE}",
        "a/white.tif": f"a TIFF of big-endian 16-bit whole numbers, white being 0, which is not read: {SAVE}",
    }


def test_a_photograph_of_108_megapixels_is_read_small(tmp_path: Path) -> None:
    Image.new("L", (12_000, 9_000), 90).save(tmp_path / "phone.jpg", quality=30)
    load_decoders()
    seen = decode(tmp_path / "phone.jpg")
    assert isinstance(seen, Decoded) and (seen.width, seen.height) == (12_000, 9_000)
    assert np.abs(files.square(tmp_path / "phone.jpg", 32).astype(int) - 90).max() < 3
    Image.new("1", (12_000, 9_000)).save(tmp_path / "scan.png")
    assert decode(tmp_path / "scan.png") == "12,000 x 9,000 pixels: above the limit of 89 million"


def test_deep_images_that_were_imported_before_a_range_was_chosen_are_told_by_the_check(
    home: Path, tmp_path: Path
) -> None:
    ref = import_path(written(tmp_path / "deep", KINDS["12 bits in 16"]), home)
    assert not [one for one in audit(ref).findings if one.kind == "without_range"]
    (found,) = (one for one in audit(replace(ref, decoding=Decoding())).findings if one.kind == "without_range")
    assert found.severity == "caution" and found.remedy.startswith("Import the images again")
    assert "8 images of more than 8 bits are from before one was chosen" in found.detail
