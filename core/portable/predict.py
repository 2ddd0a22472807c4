"""A trained model's answers from onnxruntime, numpy and Pillow: python predict.py IMAGE_OR_FOLDER > answers.csv"""

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np

from core.portable.pictures import square
from core.portable.reasons import why


class Model:
    def __init__(self, folder: str | Path, file: str = "model.onnx", threads: int = 0) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(str(Path(folder) / file), options, providers=["CPUExecutionProvider"])
        self.about = self.session.get_modelmeta().custom_metadata_map  # labels, thresholds, what images must look like
        self.labels, self.side = json.loads(self.about["labels"]), int(self.about["side"])
        self.range = json.loads(self.about.get("value_range", "null"))
        self.pages = json.loads(self.about.get("pages", "[1]"))
        with np.load(Path(folder) / "neighbours.npz") as file_of:  # training images: unit features, paths, labels
            self.near, self.paths = file_of["features"].astype(np.float32), file_of["paths"]

    def __call__(self, squares: np.ndarray) -> dict[str, np.ndarray]:
        """Squares [B, side, side, 3] -> 'probabilities' [B, classes], unit 'features' [B, width], sometimes 'maps'."""
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(None, {"images": squares}), strict=True))

    def square(self, path: str | Path) -> np.ndarray:
        """What the model reads of a file, [side, side, 3]. Raises as `read`."""
        return square(path, self.side, self.about["interpolation"], self.range, self.pages)

    def known(self, confidence: float, nearest: float) -> bool:
        return confidence >= float(self.about["threshold"]) and nearest >= float(self.about["least_similarity"])


def cell(text: str) -> str:
    """What would start a formula in a spreadsheet stands behind an apostrophe."""
    number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text)
    return f"'{text}" if re.match(r"'*[=+\-@\t\r]", text) and not number else text


def line(model: Model, file: Path) -> list[str]:
    """One line of the table; for a file that cannot be answered for, why."""
    try:
        square = model.square(file)
    except Exception as error:  # a broken file makes the readers raise nearly anything
        return [cell(str(file)), "", "", "", "", why(error, file)]
    out = model(square[None])
    p, near = out["probabilities"][0], float((model.near @ out["features"][0]).max())
    label, sure = model.labels[p.argmax()], float(p.max())
    said = cell(label) if model.known(sure, near) else "unknown"
    return [cell(str(file)), said, f"{sure:.4f}", f"{near:.4f}", cell(label), ""]


if __name__ == "__main__":
    model, files, problems = Model(Path(__file__).parent), list[Path](), 0
    endings = tuple(f".{ending}" for ending in json.loads(model.about["endings"]))
    for given in map(Path, sys.argv[1:]):
        inside = sorted(f for f in given.rglob("*") if f.name.lower().endswith(endings) and f.is_file())
        shown = [f for f in inside if not any(part.startswith(".") for part in f.relative_to(given).parts)]
        files += shown if given.is_dir() else [given]
    # Any name, on any system and into any file.
    with open(1, "w", encoding="utf-8", errors="surrogateescape", newline="", closefd=False) as out:
        table = csv.writer(out)
        table.writerow(["path", "answer", "confidence", "similarity", "best label", "problem"])
        for file in files:
            table.writerow(found := line(model, file))
            problems += bool(found[-1])
    sys.exit(f"{problems} of {len(files)} could not be read." if problems else None if files else "There is no image.")
