"""Does an exported model answer as the trained one, on every test image, without anything of Thaw?

    python -m benchmarks.export_check OUT DATA.zip [DATA.zip ...] [--strategies linear_probe partial] [--epochs 2]

For each archive and strategy: `python -m training fit`, then `export --int8`. A fresh virtual environment that holds
only onnxruntime, numpy and Pillow then runs the exported predict.py's own code on every test image, and on images of
the other sets (which the model cannot know). Its answers are held against torch in fp32, and against the answers that
the run itself wrote when it ended. One JSON line per model goes to OUT/models.jsonl; the table is printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import append, read, thaw
from benchmarks.machine import describe
from core.home import home as make_home
from core.portable.pictures import FORMATS
from training.caches.bench import Bench
from training.export import exporting
from training.store.run_folder import RunFolder
from training.store.store import Store

BARE = ("onnxruntime", "numpy", "pillow")
FOREIGN = 200
"""Images of another set that each model is shown."""
DRIVER = """
import json, sys
import numpy as np
import predict  # the exported one, beside this file
listed, target, file = sys.argv[1:]
model = predict.Model(".", file)
out = []
for path in json.load(open(listed)):
    one = model(model.square(path)[None])
    out.append((one["probabilities"][0], float((model.near @ one["features"][0]).max())))
probabilities, near = np.stack([p for p, _ in out]), np.array([n for _, n in out])
known = np.array([model.known(float(p.max()), n) for p, n in out])
np.savez(target, probabilities=probabilities, known=known)
assert not {"torch", "torchvision", "timm", "pandas", "sklearn"} & set(sys.modules)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--strategies", nargs="+", default=["linear_probe", "partial"])
    parser.add_argument("--epochs", default="2", help="of what is fine-tuned (2)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    log, python = options.out / "models.jsonl", bare_python(options.out / "bare")
    done = {(record["data"], record["strategy"]) for record in read(log)}
    for path in options.data:
        foreign = [image for other in options.data if other != path for image in unpacked(other, options.out)[:FOREIGN]]
        for kind in options.strategies:
            if (path.stem, kind) not in done:
                append(log, checked(path, kind, options.epochs, options.out, python, foreign))
    print(table(read(log)))


def bare_python(place: Path) -> Path:
    """The interpreter of a virtual environment with BARE and what they need, made when it is not there."""
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *BARE], check=True)
    return python


def unpacked(archive: Path, out: Path) -> list[str]:
    """Image files of an archive's test folder, in an order that mixes the classes."""
    folder = out / "images" / archive.stem
    if not folder.exists():
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder, [name for name in file.namelist() if "/test/" in name])
    images = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    order = np.random.default_rng(0).permutation(len(images))
    return [str(images[i]) for i in order]


def checked(path: Path, kind: str, epochs: str, out: Path, python: Path, foreign: list[str]) -> dict[str, Any]:
    """Train, export, answer in the bare environment, compare."""
    home = make_home(str(out / "home"))
    length = [] if kind in ("linear_probe", "prototype") else ["--epochs", epochs]
    _, fitted = thaw(home, "fit", str(path), "--strategy", kind, *length)
    record = {"data": path.stem, "strategy": kind, "machine": describe(), "run": fitted.get("run_id")}
    if fitted.get("state") != "finished":
        return {**record, "error": fitted.get("error")}
    folder = out / "exports" / f"{path.stem}-{kind}"
    seconds, facts = thaw(home, "export", fitted["run_id"], "--out", str(folder), "--int8")
    if "files" not in facts:
        return {**record, "error": facts.get("error")}
    trained = exporting.load(Store(home).job(fitted["run_id"]), home)
    rows = trained.data.rows["test"]
    files = [str(trained.ref.images_root / trained.data.paths[row]) for row in rows]
    torchs, given = torch_probabilities(trained, facts["temperature"]), bare(python, folder, files)
    written = written_answers(RunFolder(home, fitted["run_id"]).test_predictions)
    labels = trained.data.labels.numpy()[rows]
    answers = given["probabilities"].argmax(1)
    small = bare(python, folder, files, "model-int8.onnx")["probabilities"].argmax(1)
    right, known = answers == labels, given["known"]
    return {
        **record, "images": len(rows), "same": int((answers == torchs.argmax(1)).sum()),
        "largest": float(np.abs(given["probabilities"] - torchs).max()), "right": int(right.sum()),
        "as_run": int((answers == written).sum()), "run_right": fitted["test_correct"],
        "int8_right": int((small == labels).sum()),
        "int8_same": int((small == answers).sum()), "ms": facts["ms"], "int8_ms": facts["int8"]["ms"],
        "bytes": facts["bytes"], "int8_bytes": facts["int8"]["bytes"], "export_s": seconds,
        "unknown_right": share(~known[right]), "unknown_wrong": share(~known[~right]),
        "unknown_foreign": share(~bare(python, folder, foreign)["known"]) if foreign else None,
        "foreign": len(foreign), "timm": facts["timm"], "formats": len(FORMATS),
    }  # fmt: skip


def torch_probabilities(trained: Bench, temperature: float) -> NDArray[np.float64]:
    """Of every test image, from the pixel cache through the network as it was trained, in fp32."""
    import torch

    rows, parts = trained.data.rows["test"], []
    with torch.inference_mode():
        for start in range(0, len(rows), 32):
            logits = trained.backbone(trained.data.batch(rows[start : start + 32], 0))
            parts.append((logits / temperature).softmax(1).numpy())
    return np.concatenate(parts).astype(np.float64)


def bare(python: Path, folder: Path, files: list[str], model: str = "model.onnx") -> dict[str, NDArray[Any]]:
    """What the exported folder answers for these files in the bare environment."""
    (folder / "driver.py").write_text(DRIVER)
    (folder / "listed.json").write_text(json.dumps(files))
    subprocess.run(
        [str(python.absolute()), "-I", "-c", "import sys; sys.path.insert(0, '.'); exec(open('driver.py').read())",
         "listed.json", "answers.npz", model], cwd=folder, check=True,
    )  # fmt: skip
    with np.load(folder / "answers.npz") as found:
        return dict(found)


def written_answers(path: Path) -> NDArray[np.int64]:
    """The answers that the run wrote when it ended, computed in its own arithmetic."""
    with path.open(newline="", encoding="utf-8") as file:
        return np.array([int(row["predicted"]) for row in csv.DictReader(file)])


def share(values: NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None


def table(records: list[dict[str, Any]]) -> str:
    """Markdown: agreement first, then what 8 bits cost and what 'unknown' does."""
    machines = sorted({record["machine"] for record in records})
    heads = ["data", "strategy", "test images", "same answer as torch (fp32)", "largest difference of a probability",
             "right: ONNX / run's own", "same answer as the run wrote", "timm loads it"]  # fmt: skip
    lines = [
        f"Measured on {'; '.join(machines)}. The bare environment holds {', '.join(BARE)} and what they need.", "",
        _row(heads), _row(["---"] * len(heads)),
    ]  # fmt: skip
    for r in records:
        if "error" in r:
            lines.append(_row([r["data"], r["strategy"], f"failed: {r['error']}"]))
            continue
        right = f"{r['right']} / {r['run_right']}"
        cells = [r["images"], r["same"], f"{r['largest']:.1e}", right, r["as_run"], "yes" if r["timm"] else "no"]
        lines.append(_row([r["data"], r["strategy"], *cells]))
    heads = ["data", "strategy", "8 bits: right", "same answer as fp32", "ms an image, 8 bits / fp32", "MB, 8 / fp32",
             "'unknown' of right answers", "of wrong answers", "of another set's images"]  # fmt: skip
    lines += ["", _row(heads), _row(["---"] * len(heads))]
    for r in records:
        if "error" in r:
            continue
        speed = f"{r['int8_ms']:.1f} / {r['ms']:.1f}"
        size = f"{r['int8_bytes'] / 1e6:.1f} / {r['bytes'] / 1e6:.1f}"
        unknown = [percent(r[f"unknown_{name}"]) for name in ("right", "wrong", "foreign")]
        lines.append(_row([r["data"], r["strategy"], r["int8_right"], r["int8_same"], speed, size, *unknown]))
    return "\n".join(lines)


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


if __name__ == "__main__":
    main()
