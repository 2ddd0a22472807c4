"""One trained backbone as an ONNX graph: from the pixel cache's squares to calibrated probabilities.

The graph does everything that comes after Pillow: the centre crop, the second resize of small images (bit for bit as
torch does it on whole bytes), normalisation, network, head, temperature. What is left outside is `portable.pictures`.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import PlanError
from training.backbones import Backbone, Preprocessing

OPSET = 17
TOLERANCE = 1e-3
"""Largest difference between onnxruntime and torch that passes for the same: of a probability, or of a feature of unit
norm."""
_LARGEST_INT16 = 2**15


class Resize(nn.Module):
    """torch's antialiased resize of uint8 squares from `side` to `size` px, as two products with fixed matrices.

    torch rounds its filter weights to 16-bit integers and its result to whole bytes after each direction
    (aten/src/ATen/native/cpu/UpSampleKernel.cpp); so does this, in float64, where those sums are exact.
    """

    def __init__(self, side: int, size: int, interpolation: str) -> None:
        super().__init__()
        columns = torch.eye(side, dtype=torch.float64)[None, :, None, :]
        weights = F.interpolate(columns, size=(1, size), mode=interpolation, antialias=True)[0, :, 0].T
        bits = 0
        while bits < 22 and int(0.5 + float(weights.max()) * 2 ** (bits + 1)) < _LARGEST_INT16:
            bits += 1
        whole = torch.trunc(weights * 2**bits + torch.where(weights < 0, -0.5, 0.5))
        self.register_buffer("weights", whole / 2**bits)  # [size, side]

    def forward(self, images: Tensor) -> Tensor:
        """float64 whole numbers [B, 3, side, side] -> [B, 3, size, size]."""
        assert isinstance(self.weights, Tensor)
        across = torch.floor(images @ self.weights.T + 0.5).clamp(0, 255)
        return torch.floor(self.weights @ across + 0.5).clamp(0, 255)


class Portable(nn.Module):
    """Squares [B, side, side, 3] -> probabilities [B, classes], unit features of the last stage [B, width], maps
    [B, classes, h, w].

    The maps are exact: where a linear head reads the mean over the last feature map, each class' logit is the mean of
    its map plus its bias (CAM, arXiv 1512.04150). Other networks have no such map, and no third output.
    """

    def __init__(self, backbone: Backbone, prep: Preprocessing, side: int, temperature: float) -> None:
        """prep: at the size that the run trained with. side: of the cached squares, px."""
        super().__init__()
        self.backbone = backbone
        self._prep, self._temperature = prep, temperature
        self.crop = max(1, round(side * prep.size / prep.resize))
        self._offset = (side - self.crop) // 2
        self.resize = Resize(self.crop, prep.size, prep.interpolation) if self.crop != prep.size else None
        self.register_buffer("mean", torch.tensor(prep.mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(prep.std).view(1, -1, 1, 1))
        with torch.inference_mode():
            pictures = torch.zeros(2, side, side, 3, dtype=torch.uint8)
            self.mapped = isinstance(backbone.head, nn.Linear) and self._has_map(pictures)

    @property
    def outputs(self) -> list[str]:
        return ["probabilities", "features", *(["maps"] if self.mapped else [])]

    def forward(self, squares: Tensor) -> tuple[Tensor, ...]:
        x = self.inputs(squares)
        maps: tuple[Tensor, ...] = ()
        if self.mapped:
            last = self.backbone.net.forward_features(x)  # type: ignore[operator]
            features = self.backbone.net.forward_head(last, pre_logits=True)  # type: ignore[operator]
            assert isinstance(self.backbone.head, nn.Linear)
            maps = (F.conv2d(last, self.backbone.head.weight[:, :, None, None]),)
        else:
            features = self.backbone.below(x, self.backbone.head_index)
        probabilities = (self.backbone.head(features) / self._temperature).softmax(1)
        features = self.backbone.of_last_stage(features)
        return (probabilities, features / features.norm(dim=1, keepdim=True).clamp(min=1e-9), *maps)

    def inputs(self, squares: Tensor) -> Tensor:
        """As `views.plain`, in operations that ONNX has."""
        assert isinstance(self.mean, Tensor) and isinstance(self.std, Tensor)
        end = self._offset + self.crop
        x = squares[:, self._offset : end, self._offset : end].permute(0, 3, 1, 2)
        if self.resize is not None:
            x = self.resize(x.to(torch.float64))
        x = x.to(torch.float32) * (1 / 255)
        if self._prep.grey_vector:
            return ((x.mean(dim=1) - self.mean.flatten()[0]) / self.std.flatten()[0]).flatten(1)
        return (x - self.mean) / self.std

    def _has_map(self, squares: Tensor) -> bool:
        """Whether the features are the mean over a map [B, width, h, w] that the network offers."""
        net, x = self.backbone.net, self.inputs(squares)
        x = x + torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        try:
            last = net.forward_features(x)  # type: ignore[operator]
            pooled = net.forward_head(last, pre_logits=True)  # type: ignore[operator]
        except (AttributeError, TypeError, RuntimeError):
            return False
        if not isinstance(last, Tensor):  # CrossViT's two branches
            return False
        return bool(
            last.dim() == 4
            and pooled.dim() == 2
            and last.shape[1] == pooled.shape[1] == self.backbone.width
            and torch.allclose(last.mean((2, 3)), pooled, rtol=1e-4, atol=1e-5)
        )


def try_out(backbone: Backbone) -> None:
    """Write the backbone as it is and hold it against torch, on another number of images than it was written with.

    Raises PlanError where that fails: what could not be taken along is refused before anything is trained with it.
    """
    import onnxruntime

    assert backbone.preprocessing is not None
    prep = replace(backbone.preprocessing, resize=backbone.preprocessing.size)  # a resize of images is tried elsewhere
    model = Portable(backbone.eval(), prep, prep.size, temperature=1.0)
    squares = torch.randint(0, 256, (3, prep.size, prep.size, 3), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder:
        write(model, prep.size, Path(folder) / "model.onnx", {})
        try:
            session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
            given = session.run(["features"], {"images": squares.numpy()})[0]
        except Exception as error:  # onnxruntime's own kinds, which it does not publish
            raise _not_portable(backbone, error) from error
    with torch.inference_mode():
        wanted = model(squares)[1]
    difference = float((wanted - torch.from_numpy(given)).abs().max())
    if not difference <= TOLERANCE:
        raise _not_portable(backbone, f"its features differ by {difference:.2g} from torch's")


def write(model: Portable, side: int, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the graph with a free batch size, and `metadata` into the file itself. Raises PlanError for a network that
    torch cannot write as ONNX."""
    model.eval()
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    names = ["images", *model.outputs]
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the exporter's remarks on shapes that are constant here, and on its age
        try:
            torch.onnx.export(
                model, (example,), str(path), dynamo=False, opset_version=OPSET, input_names=names[:1],
                output_names=names[1:], dynamic_axes={name: {0: "batch"} for name in names},
            )  # fmt: skip
        except Exception as error:  # it raises many kinds
            raise _not_portable(model.backbone, error) from error
    annotate(path, metadata)


def _not_portable(backbone: Backbone, why: object) -> PlanError:
    first = " ".join(str(why).split()).split(". ")[0][:200].rstrip(".")
    return PlanError(
        f"{backbone.name} cannot be written as ONNX, so a model trained with it could not be taken along: {first}. "
        "Choose another backbone."
    )


def annotate(path: Path, metadata: Mapping[str, str]) -> None:
    """Write `metadata` into an ONNX file, in place of what it held."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.save(model, path)
