"""Answers of an exported model in this process, with onnxruntime: for the Predict page and the terminal. No torch.

Whatever trains comes first: all work happens in one thread that asks the system for the lowest priority, and while a
run trains it also rests between images. onnxruntime is imported with the first answer.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import Decoding, NotFound, Unreadable, csv_text
from core.names import is_image_name, is_litter
from core.words import unlike
from dataset.ingest import Drawers, Square
from training.export.contents import INT8, MODEL

if TYPE_CHECKING:
    from core.portable.predict import Model

NICE = 19
RESTING_SHARE = 0.05
"""Share of one core that predicting takes while a run trains."""
NEAREST = 4


@dataclass(frozen=True)
class Neighbour:
    """A training image near the one in question."""

    row: int
    """In the dataset's manifest."""
    path: str
    label: str
    similarity: float
    """Cosine, -1 to 1."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model says of one image."""

    probabilities: NDArray[np.float32]
    """[classes], calibrated."""
    label: str
    """Of the most probable class."""
    confidence: float
    similarity: float
    """Cosine to the nearest training image."""
    known: bool
    why_unknown: str
    """A sentence; '' when known."""
    nearest: tuple[Neighbour, ...]
    square: NDArray[np.uint8]
    """The image's central square, [side, side, 3]."""
    crop: int
    """Side of the centre crop of `square` that the model looks at, px."""
    map: NDArray[np.float32] | None
    """How much each place speaks for the label, [h, w], over the model's centre crop; None without exact maps."""


class Predictor:
    """One exported folder, loaded when first asked. May be shared between threads; closes by itself."""

    def __init__(self, folder: Path, *, int8: bool = False, busy: Callable[[], bool] = lambda: False) -> None:
        """busy: whether a run trains now (then this rests between images). Raises NotFound without an export there."""
        if not (folder / (INT8 if int8 else MODEL)).is_file():
            raise NotFound(f"There is no exported model in {folder}: export the run first.")
        self._folder, self._file, self._busy = folder, INT8 if int8 else MODEL, busy
        self._model: Model | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict", initializer=_come_last)

    def answers(self, files: Iterable[Path]) -> Iterator[tuple[Path, Prediction | str]]:
        """Each file with its prediction, or with why it cannot be read. Files are decoded in a process of their own."""
        with Drawers(1) as drawers:
            for path in files:
                # In the quiet thread as well: the process that decodes inherits its priority.
                yield path, self._thread.submit(self._answer, drawers, path).result()

    def _answer(self, drawers: Drawers, path: Path) -> Prediction | str:
        with self._resting():
            return self._answer_now(drawers, path)

    @contextlib.contextmanager
    def _resting(self) -> Iterator[None]:
        """What is done within takes RESTING_SHARE of the time while a run trains."""
        began = time.perf_counter()
        yield
        if self._busy():
            time.sleep((time.perf_counter() - began) * (1 / RESTING_SHARE - 1))

    def _answer_now(self, drawers: Drawers, path: Path) -> Prediction | str:
        model = self._loaded()
        how = Square(model.side, str(model.about["interpolation"]))
        pixels = drawers.square(path, how, Decoding(model.range, tuple(model.pages)))
        if isinstance(pixels, str):
            return pixels
        out = model(pixels[None])
        return self._prediction(model, pixels, {name: values[0] for name, values in out.items()})

    def _prediction(self, model: Model, pixels: NDArray[np.uint8], out: dict[str, NDArray[np.float32]]) -> Prediction:
        probabilities = out["probabilities"]
        best = int(probabilities.argmax())
        cosines = model.near @ out["features"]
        order = np.argsort(-cosines)[:NEAREST]
        confidence, similarity = float(probabilities[best]), float(cosines[order[0]]) if len(order) else 1.0
        return Prediction(
            probabilities=probabilities, label=model.labels[best], confidence=confidence, similarity=similarity,
            known=model.known(confidence, similarity), why_unknown=_why(model, confidence, similarity),
            nearest=tuple(self._neighbour(model, int(i), float(cosines[i])) for i in order), square=pixels,
            crop=int(model.about["crop"]),
            map=out["maps"][best] if "maps" in out else None,
        )  # fmt: skip

    def _neighbour(self, model: Model, index: int, similarity: float) -> Neighbour:
        label = model.labels[int(self._extra["labels"][index])]
        return Neighbour(int(self._extra["rows"][index]), str(model.paths[index]), label, similarity)

    def _loaded(self) -> Model:
        """In the quiet thread: the threads that onnxruntime starts inherit its priority."""
        if self._model is None:
            from core.portable.predict import Model

            try:
                with np.load(self._folder / "neighbours.npz") as file:
                    self._extra = {name: file[name] for name in ("rows", "labels")}
                self._model = Model(self._folder, self._file, threads=max(1, (os.cpu_count() or 2) // 2))
            except Exception as error:  # onnxruntime and numpy raise many kinds
                raise Unreadable(
                    f"The export in {self._folder} cannot be read, it may be damaged. Remove that folder and export "
                    "the run again."
                ) from error
        return self._model


COLUMNS = ("path", "answer", "confidence", "similarity", "best label", "problem")


def rows_of(found: Iterable[tuple[str, Prediction | str]]) -> str:
    """Answers as CSV with `COLUMNS`: for each name its prediction, or why there is none."""

    def row(name: str, one: Prediction | str) -> tuple[str, ...]:
        if isinstance(one, str):
            return name, "", "", "", "", one
        said = one.label if one.known else "unknown"
        return name, said, f"{one.confidence:.4f}", f"{one.similarity:.4f}", one.label, ""

    return csv_text(COLUMNS, (row(name, one) for name, one in found))


def images_in(paths: Sequence[Path]) -> list[Path]:
    """The image files among `paths` and in its folders, in order. Raises NotFound when there is none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if is_image_name(file.name) and file.is_file())
            found += [file for file in inside if not is_litter(file.relative_to(path).as_posix())]
        elif path.is_file():
            found.append(path)
        else:
            raise NotFound(f"There is no file or folder at '{path}'. Check the path and try again.")
    if not found:
        raise NotFound(f"There is no image in {', '.join(map(str, paths))}.")
    return found


def _why(model: Model, confidence: float, similarity: float) -> str:
    threshold, least = float(model.about["threshold"]), float(model.about["least_similarity"])
    reasons = []
    if confidence < threshold:
        sure, limit = unlike(100 * confidence, 100 * threshold)
        reasons.append(f"its confidence of {sure}% is below the limit of {limit}%")
    if similarity < least:
        reasons.append(f"no training image is like it (nearest {similarity:.2f}, limit {least:.2f})")
    return " and ".join(reasons)


def _come_last() -> None:
    """The lowest priority for this thread alone, where the system has such a thing (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
