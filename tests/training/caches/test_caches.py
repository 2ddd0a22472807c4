"""Nothing is decoded or computed twice, and what a cache returns is what computing afresh would give."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core import processes
from core.errors import DataError, WeightsError
from core.plans import Augment
from tests.support.toys import task
from training.backbones import Preprocessing, build
from training.caches import budget, frozen_pass, pixels, views
from training.caches.pooled import Pools
from training.caches.prefix import PrefixCache

CPU = torch.device("cpu")
PREP = Preprocessing(size=56, resize=64, mean=(0.5,) * 3, std=(0.5,) * 3)


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    source = np.random.default_rng(0)
    rows = []
    for i, (width, height) in enumerate([(80, 120), (300, 90), (64, 64), (120, 100)]):
        array = source.integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(array).save(tmp_path / f"{i}.png")
        rows.append({"path": f"{i}.png", "width": width, "height": height})
    return tmp_path, pd.DataFrame(rows)


def test_pixels_are_decoded_once(pictures: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    root, manifest = pictures
    first, seconds = pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)
    assert first.shape == (4, 64, 64, 3) and seconds is not None
    for name in manifest["path"]:
        (root / name).unlink()  # a second decode would fail
    second, seconds = pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)
    assert np.array_equal(first, second) and seconds is None


@pytest.mark.parametrize("kept", [0, 100, 200])
def test_pixels_that_were_cut_off_are_decoded_again(
    pictures: tuple[Path, pd.DataFrame], tmp_path: Path, kept: int
) -> None:
    root, manifest = pictures
    first = np.array(pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)[0])
    file = tmp_path / "cache" / "pixels-64" / "pixels.npy"
    file.write_bytes(file.read_bytes()[:kept])
    second, seconds = pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)
    assert np.array_equal(first, second) and seconds is not None


def test_a_failed_build_leaves_nothing_and_names_the_file(pictures: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    root, manifest = pictures
    (root / "2.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"2\.png could be read when it was imported and cannot now"):
        pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)
    assert list((tmp_path / "cache").iterdir()) == []


BUILDER = """
import sys, time
from pathlib import Path
import pandas as pd
from training.caches import pixels
root, cache = Path(sys.argv[1]), Path(sys.argv[2])
decode = pixels.square
def slowly(*given):
    sys.stdout.write("decoding\\n")  # one write: two threads decode, and print would write its newline apart
    sys.stdout.flush()
    while not (root / "go").exists():
        time.sleep(0.01)
    return decode(*given)
pixels.square = slowly
manifest = pd.DataFrame({"path": [f"{i}.png" for i in range(4)], "width": 100, "height": 100})
print(pixels.pixel_cache(root, manifest, cache, 64)[0].sum(), flush=True)
"""


def builder(root: Path, cache: Path) -> subprocess.Popen[str]:
    """Another process that decodes `root` into `cache`; it stands at its first image until `root/go` is there."""
    command = [sys.executable, "-c", BUILDER, str(root), str(cache)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "decoding\n"
    return process


def test_two_processes_may_build_at_once(pictures: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    root, manifest = pictures
    both = [builder(root, tmp_path / "cache") for _ in range(2)]
    assert len(list((tmp_path / "cache").glob("*.tmp"))) == 2, "both are at it"
    (root / "go").touch()
    ends = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    mine, seconds = pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)
    assert seconds is None
    assert {out.split()[-1] for out, _ in ends} == {str(mine.sum())}
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["pixels-64"]
    assert pixels.decode_seconds(tmp_path / "cache", 64) is not None


@pytest.mark.fault
def test_a_killed_build_is_repeated_and_its_remains_go(pictures: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    root, manifest = pictures
    process = builder(root, tmp_path / "cache")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    (left,) = (tmp_path / "cache").iterdir()
    assert left.name == f"pixels-64.{process.pid}-{processes.place()}.tmp"
    squares, seconds = pixels.pixel_cache(root, manifest, tmp_path / "cache", 64)
    assert seconds is not None and squares.any(axis=(1, 2, 3)).all()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["pixels-64"]


def test_the_staging_of_a_living_build_is_left_alone(pictures: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    root, manifest = pictures
    process = builder(root, tmp_path / "cache")
    pixels.pixel_cache(root, manifest, tmp_path / "cache", 32)
    assert (tmp_path / "cache" / f"pixels-64.{process.pid}-{processes.place()}.tmp").exists()
    (root / "go").touch()
    process.communicate(timeout=60)
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["pixels-32", "pixels-64"]


KILLED = """
import sys, time
from pathlib import Path
import numpy as np, torch
from tests.support.toys import task
from training.caches import prefix
from training.backbones.backbone import build
prefix.FLUSH_EVERY_S = 0.0
cache = prefix.PrefixCache(build("mlp", 5, inputs=10), task(), torch.device("cpu"), "fp32", Path(sys.argv[1]))
def tick(done, _):
    print(done, flush=True)
    time.sleep(0.2)
cache.fill([1, 2], np.arange(300), 0, tick)
"""


@pytest.mark.fault
def test_a_killed_filling_leaves_whole_rows_that_the_next_run_uses(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(3)] == ["32\n", "64\n", "96\n"]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    data, backbone = task(), build("mlp", 5, inputs=10)
    cache = PrefixCache(backbone, data, CPU, "fp32", tmp_path / "data")
    left = cache.missing(1, np.arange(300), 0)
    assert 0 < left <= 300 - 96
    kept = np.arange(300 - left)
    with torch.no_grad():
        direct = backbone.eval().below(data.batch(kept, 0), 1)
    assert torch.allclose(cache.read(1, kept, 0), direct, rtol=2e-3, atol=2e-3)
    assert cache.fill([1, 2], np.arange(300), 0) == left


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "CMYK", "LA", "1"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("x.tif" if mode in ("CMYK", "I;16") else "x.png")
    Image.new("RGB", (40, 30), (200, 30, 30)).convert("L" if mode == "I;16" else mode).convert(mode).save(path)
    assert pixels.square(path, 16).shape == (16, 16, 3)


def test_rotation_in_the_exif_is_applied(tmp_path: Path) -> None:
    array = np.zeros((40, 40, 3), np.uint8)
    array[:20] = 255  # white on top
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(array).save(tmp_path / "x.jpg", exif=exif, quality=95)
    square = pixels.square(tmp_path / "x.jpg", 40)
    assert square[:10].mean() < 50 and square[30:].mean() > 200


def test_small_images_are_stored_small() -> None:
    assert pixels.side_for(pd.DataFrame({"width": [32, 40], "height": [32, 30]}), 256) == 32
    assert pixels.side_for(pd.DataFrame({"width": [640], "height": [480]}), 256) == 256


def test_the_plain_view_is_the_centre_crop() -> None:
    squares = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    squares[:, 4:60, 4:60] = 255
    batch = views.plain(squares, PREP)
    assert batch.shape == (1, 3, 56, 56) and torch.all(batch == 1.0)


def test_an_augmented_view_depends_on_the_view_and_the_row_alone() -> None:
    squares = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8))
    rows = np.array([5, 9, 2])
    whole = views.augmented(squares, rows, 1, PREP)
    alone = views.augmented(squares[1:2], rows[1:2], 1, PREP)
    assert torch.allclose(whole[1], alone[0], atol=1e-6)
    assert not torch.allclose(whole, views.augmented(squares, rows, 2, PREP), atol=1e-2)


@pytest.mark.parametrize("how", get_args(Augment))
def test_every_augmentation_depends_on_the_view_and_the_row_alone(how: Augment) -> None:
    """Whatever was drawn before, and whoever is in the batch; and nobody else's draws are disturbed."""
    squares = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3), dtype=np.uint8))
    rows, view = np.array([5, 9, 2, 7, 30, 31]), ("live", 1, 2, 3)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    whole = views.augmented(squares, rows, view, PREP, how)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    for i in range(6):
        alone = views.augmented(squares[i : i + 1], rows[i : i + 1], view, PREP, how)
        assert torch.allclose(alone[0], whole[i], atol=2 / 255 / 0.5)
    assert whole.shape == (6, 3, 56, 56) and whole.min() >= -1 and whole.max() <= 1
    other = views.augmented(squares, rows, view, PREP, "light")
    assert torch.equal(whole, other) == (how == "light")


def test_crops_alone_are_the_light_ones_never_mirrored() -> None:
    """A picture that is black on its left half stays so; of light ones about half are the other way round."""
    squares = torch.zeros(1, 64, 64, 3, dtype=torch.uint8).repeat(40, 1, 1, 1)
    squares[:, :, 32:] = 255
    rows = np.arange(40)
    light, crop = (views.augmented(squares, rows, 1, PREP, how) for how in ("light", "crop"))
    mirrored = light[..., 0].mean((1, 2)) > 0
    assert 10 < int(mirrored.sum()) < 30
    assert (crop[..., 0] < -0.9).all() and torch.equal(crop[~mirrored], light[~mirrored])
    assert torch.allclose(crop[mirrored], light[mirrored].flip(-1), atol=1e-4)


def test_changed_colours_stay_within_a_fifth_and_leave_the_picture_where_it_is() -> None:
    grey = torch.full((30, 64, 64, 3), 100, dtype=torch.uint8)
    bright = (views.augmented(grey, np.arange(30), 1, PREP, "colour") + 1) * 127.5
    assert bright.amin((1, 2, 3)).allclose(bright.amax((1, 2, 3)), atol=0.1), "one brightness for the whole picture"
    seen = bright.mean((1, 2, 3))
    assert 79.9 < seen.min() < 90 and 110 < seen.max() < 120.1
    red = torch.zeros(30, 64, 64, 3, dtype=torch.uint8)
    red[..., 0] = 200
    spread = views.augmented(red, np.arange(30), 1, PREP, "colour")
    assert (spread[:, 0] > spread[:, 1]).all() and torch.allclose(spread[:, 1], spread[:, 2], atol=1e-5)


def test_features_of_one_augmentation_are_not_read_as_anothers(tmp_path: Path) -> None:
    """The plain view is everybody's; light ones lie where they always lay, so that caches of old homes stay valid."""
    rows, caches = np.arange(30), {}
    for how in get_args(Augment):
        data = task()
        data.augment = how
        caches[how] = cache = PrefixCache(build("mlp", 5, inputs=10), data, CPU, "fp32", tmp_path / "data")
        assert cache.missing(1, rows, 0) == (30 if how == "light" else 0)
        assert cache.missing(1, rows, 1) == 30
        cache.fill([1], rows, 0)
        cache.fill([1], rows, 1)
    folder = caches["light"].folder
    assert folder is not None
    assert {path.name for path in folder.glob("*.done.npy")} == {
        "boundary1-view0.done.npy", "boundary1-view1.done.npy", "boundary1-view1-crop.done.npy",
        "boundary1-view1-colour.done.npy", "boundary1-view1-trivial.done.npy",
    }  # fmt: skip


def test_prefix_rows_are_computed_once_and_are_right(tmp_path: Path) -> None:
    data, backbone = task(), build("mlp", 5, inputs=10)
    rows = np.arange(0, 100)
    cache = PrefixCache(backbone, data, CPU, "fp32", tmp_path / "data")
    assert cache.fill([1, 2], rows, 0) == 100
    assert cache.fill([1, 2], rows, 0) == 0
    backbone.stage_modules()[1].register_forward_hook(lambda *_: pytest.fail("stage 2 was run again"))
    assert cache.fill([1, 2], np.arange(50), 0) == 0
    backbone.stage_modules()[1]._forward_hooks.clear()
    again = PrefixCache(backbone, data, CPU, "fp32", tmp_path / "data")  # another run, another process
    assert again.missing(2, np.arange(0, 120), 0) == 20
    with torch.no_grad():
        direct = backbone.eval().below(data.batch(rows, 0), 2)
    assert torch.allclose(again.read(2, rows, 0), direct, rtol=2e-3, atol=2e-3)  # float16 storage
    with pytest.raises(KeyError, match="not all rows were filled"):
        again.read(2, np.array([110]), 0)


@pytest.mark.parametrize("damage", ["values gone", "values empty", "values cut off", "marks empty", "marks cut off"])
def test_half_a_pair_of_files_is_computed_again(tmp_path: Path, damage: str) -> None:
    data, backbone = task(), build("mlp", 5, inputs=10)
    rows = np.arange(20)
    cache = PrefixCache(backbone, data, CPU, "fp32", tmp_path)
    cache.fill([1], rows, 0)
    features = cache.read(1, rows, 0)
    (marks,) = tmp_path.rglob("*.done.npy")
    file = marks if damage.startswith("marks") else budget.values_of(marks)
    whole = file.read_bytes()
    file.unlink()
    if not damage.endswith("gone"):
        file.write_bytes(b"" if damage.endswith("empty") else whole[: len(whole) // 2])
    again = PrefixCache(backbone, data, CPU, "fp32", tmp_path)
    assert again.missing(1, rows, 0) == 20
    again.fill([1], rows, 0)
    assert torch.equal(again.read(1, rows, 0), features)


def test_filled_activations_do_not_depend_on_which_rows_were_missing(tmp_path: Path) -> None:
    """What makes a resumed run equal an uninterrupted one: the same bits however the cache came about."""
    data, backbone = task(), build("mlp", 5, inputs=10)
    whole = PrefixCache(backbone, data, CPU, "fp32", tmp_path / "a")
    whole.fill([2], np.arange(90), 0)
    pieces = PrefixCache(backbone, data, CPU, "fp32", tmp_path / "b")
    for part in np.array_split(np.random.default_rng(0).permutation(90), 7):
        pieces.fill([2], np.sort(part), 0)
    assert torch.equal(whole.read(2, np.arange(90), 0), pieces.read(2, np.arange(90), 0))


def test_what_was_trained_is_neither_stored_nor_read_as_what_was_not(tmp_path: Path) -> None:
    data, backbone, rows = task(), build("mlp", 5, inputs=10), np.arange(90)
    cache = PrefixCache(backbone, data, CPU, "fp32", tmp_path / "data")
    cache.fill([1, 2], rows[:60], 0)
    features = cache.read(2, rows[:60], 0)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    with torch.no_grad():
        backbone.stage_modules()[1][0].weight[0, 0] += 1e-3  # type: ignore[index]
    assert cache.applies(1) and not cache.applies(2)
    said = r"Stages below 'head' of mlp were changed since this cache of their features was opened: .* Open the run"
    for work in (lambda: cache.fill([1, 2], rows, 0), lambda: cache.read(2, rows[:60], 0)):
        with pytest.raises(WeightsError, match=said):
            work()
    with pytest.raises(WeightsError, match=said):
        Pools(cache, rows).read(rows)
    assert cache.missing(2, rows, 0) == 30
    assert cache.fill([1], rows, 0) == 30, "below what was trained nothing changed"
    backbone.load_state_dict(before)
    assert torch.equal(cache.read(2, rows[:60], 0), features) and cache.fill([2], rows, 0) == 30


def test_other_weights_of_the_same_name_have_a_cache_of_their_own(tmp_path: Path) -> None:
    """What an earlier version filed under weights that were not these is found by nobody."""
    one, other = (PrefixCache(build("mlp", 5, inputs=10, seed=s), task(), CPU, "fp32", tmp_path) for s in (0, 1))
    assert one.backbone.weights_id == other.backbone.weights_id and one.folder != other.folder
    one.fill([1], np.arange(30), 0)
    assert other.missing(1, np.arange(30), 0) == 30
    head = build("mlp", 3, inputs=10, seed=0)
    assert PrefixCache(head, task(), CPU, "fp32", tmp_path).folder == one.folder, "the head is no part of it"


@pytest.mark.parametrize("code", ["fp32-nchw", "fp32-nhwc", "bf16-nchw", "bf16-nhwc"])
def test_frozen_stages_answer_as_eager_fp32_does(code: str) -> None:
    """Relative error of pooled features against eager fp32: below 1e-4 in fp32, 10 % in bf16 (8 bits of mantissa,
    some 50 layers)."""
    backbone = build("efficientnet_lite0", 3).eval()
    x = torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = [backbone.below(x, 6), backbone.below(x, 8)]
    got = frozen_pass.taps(backbone, [6, 8], code, CPU, x)(x)
    bound = 1e-4 if code.startswith("fp32") else 0.1
    for ours, eager in zip(got, wanted, strict=True):
        assert float((ours - eager).norm() / eager.norm()) < bound
