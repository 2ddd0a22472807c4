"""The plain PyTorch loop of transfer-learning courses: ImageFolder, RandomResizedCrop + flip, fp32, Adam, DataLoader.

Written as such courses write it, not as well as one could: the whole network is in train mode (so the BatchNorm of
frozen layers sees batch statistics and moves its averages), the rate is constant, and every image is decoded,
cropped and carried through the frozen layers again in every epoch. Rates as in the courses: a new head alone 1e-3;
the last stages or everything 1e-4, head included. Run by `benchmarks.speed`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.peers.task import Task, Trace, stages, task_from

RATES = {"frozen": 1e-3, "partial": 1e-4, "full": 1e-4}


def main(task: Task) -> None:
    trace = Trace(task)
    torch.set_num_threads(task.threads)
    torch.manual_seed(task.seed)
    classes = len([folder for folder in (task.data / "train").iterdir() if folder.is_dir()])
    below, width, prep = stages(task.backbone, classes)
    normalise = [transforms.ToTensor(), transforms.Normalize(prep.mean, prep.std)]
    varied = transforms.Compose(
        [transforms.RandomResizedCrop(prep.size), transforms.RandomHorizontalFlip(), *normalise]
    )
    plain = transforms.Compose([transforms.Resize(prep.resize), transforms.CenterCrop(prep.size), *normalise])

    def loader(side: str, how: transforms.Compose, shuffle: bool = False) -> DataLoader:
        return DataLoader(
            datasets.ImageFolder(str(task.data / side), how), task.batch, shuffle=shuffle, num_workers=task.workers
        )

    train, val, test = loader("train", varied, shuffle=True), loader("val", plain), loader("test", plain)
    model = nn.Sequential(*below, nn.Linear(width, classes))
    for parameter in model.parameters():
        parameter.requires_grad = False
    first_trained = {"frozen": len(below), "partial": task.boundary, "full": 0}[task.strategy]
    for stage in model[first_trained:]:
        for parameter in stage.parameters():
            parameter.requires_grad = True
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=RATES[task.strategy])
    criterion = nn.CrossEntropyLoss()

    trace.training_begins()
    for _ in range(task.epochs):
        model.train()
        for images, labels in train:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
        judged = right(model, val)
        val_accuracy = sum(judged) / len(judged)
        seconds = trace.seconds()
        with trace.stopped():
            assert isinstance(test.dataset, datasets.ImageFolder)
            stems = [Path(path).stem for path, _ in test.dataset.samples]
            trace.epoch(seconds, val_accuracy, dict(zip(stems, right(model, test), strict=True)))


@torch.no_grad()
def right(model: nn.Module, loader: DataLoader) -> list[bool]:
    """Whether each image was answered rightly, in the order of the loader."""
    model.eval()
    return [bool(one) for images, labels in loader for one in model(images).argmax(1) == labels]


if __name__ == "__main__":
    main(task_from(sys.argv[1:]))
