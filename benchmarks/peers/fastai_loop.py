"""fastai's own ways: frozen `fit_one_cycle` and `fine_tune`, with its defaults, on the weights that Thaw starts from.

What `vision_learner` would build is built by hand, because it knows nothing of these weights: body, fastai's own
head (concat pooling, 512 units, dropout), BatchNorm of frozen layers still training (`train_bn`), and groups cut at
the boundary of Thaw's `partial`. Images: RandomResizedCrop(min_scale=0.5) and `aug_transforms`. Rates: `fine_tune`'s
base_lr of 2e-3, no lr_find. frozen: `fit_one_cycle(epochs)`. full: `fine_tune(epochs)`, which adds one frozen epoch.
partial: the two steps of `fine_tune` with `freeze_to(-2)` for `unfreeze`. The batch is that of the other loops
(fastai's 64 would leave it half the steps). Run by `benchmarks.speed` under a Python that has fastai.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.data.transforms import Normalize, get_image_files
from fastai.layers import apply_init
from fastai.learner import Learner, Recorder
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.vision.augment import RandomResizedCrop, aug_transforms
from fastai.vision.data import ImageDataLoaders
from fastai.vision.learner import create_head
from torch import nn

import fastai.callback.schedule  # noqa: F401  # isort: skip  # adds fit_one_cycle and fine_tune to Learner
from benchmarks.peers.task import Task, Trace, stages, task_from

BASE_LR = 2e-3


class TestTrace(Callback):
    """After each epoch: stop the clock, judge the test images, write a line."""

    order = Recorder.order + 1

    def __init__(self, trace: Trace, test: Any, stems: list[str]) -> None:
        """stems: of the files of `test`, in its order."""
        self.trace, self.test, self.stems = trace, test, stems

    def after_epoch(self) -> None:
        seconds = self.trace.seconds()
        with self.trace.stopped():
            self.trace.epoch(seconds, float(self.recorder.values[-1][-1]), self.judge())

    @torch.no_grad()
    def judge(self) -> dict[str, bool]:
        self.model.eval()
        right = torch.cat([self.model(images).argmax(1) == labels for images, labels in self.test])
        return dict(zip(self.stems, right.tolist(), strict=True))


def main(task: Task) -> None:
    trace = Trace(task)
    torch.set_num_threads(task.threads)
    torch.manual_seed(task.seed)
    classes = len([folder for folder in (task.data / "train").iterdir() if folder.is_dir()])
    below, width, prep = stages(task.backbone, classes)
    loaders = ImageDataLoaders.from_folder(
        task.data, train="train", valid="val", seed=task.seed, bs=task.batch, num_workers=task.workers,
        item_tfms=RandomResizedCrop(prep.size, min_scale=0.5),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(prep.mean, prep.std)],
    )  # fmt: skip
    files = get_image_files(task.data / "test")
    test = loaders.test_dl(files, with_labels=True)

    below[-1] = without_pool(below[-1])
    head = create_head(width, classes)
    model = nn.Sequential(nn.Sequential(*below[: task.boundary]), nn.Sequential(*below[task.boundary :]), head)
    with torch.no_grad():
        maps = model[:2].eval()(torch.zeros(1, 3, prep.size, prep.size))
    if maps.dim() != 4 or maps.shape[1] != width:
        raise ValueError(
            f"{task.backbone} without its pooling gives {tuple(maps.shape)}, not maps of {width} channels."
        )
    apply_init(head, nn.init.kaiming_normal_)
    learner = Learner(
        loaders, model, loss_func=CrossEntropyLossFlat(), metrics=accuracy, splitter=groups,
        cbs=TestTrace(trace, test, [file.stem for file in files]), train_bn=True,
    )  # fmt: skip
    trace.training_begins()
    with learner.no_bar(), learner.no_logging():
        learner.freeze()
        if task.strategy == "frozen":
            learner.fit_one_cycle(task.epochs, BASE_LR)
        elif task.strategy == "full":
            learner.fine_tune(task.epochs, BASE_LR)
        else:
            learner.fit_one_cycle(1, slice(BASE_LR), pct_start=0.99)
            learner.freeze_to(-2)
            learner.fit_one_cycle(task.epochs, slice(BASE_LR / 200, BASE_LR / 2), pct_start=0.3, div=5.0)


def groups(model: nn.Sequential) -> list[list[nn.Parameter]]:
    """Below the boundary, from it up, the head."""
    return [list(part.parameters()) for part in model]


def without_pool(stage: nn.Module) -> nn.Module:
    """The last stage without its last part, the pooling: fastai's head pools the feature maps in its own way."""
    return nn.Sequential(*list(stage.children())[:-1])


if __name__ == "__main__":
    main(task_from(sys.argv[1:]))
