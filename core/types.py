"""The nouns of Thaw, shared by every room: what was measured and what is advised. Plans are in `plans`.

All are frozen; a contradiction is rejected in `__post_init__`, where it is made. `None` always means
"not measured". Times are seconds, sizes bytes, accuracies fractions in [0, 1]; other units are in the name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from core.decode import check_counts, check_dataset_ids, check_moments, check_texts
from core.errors import DataError, PlanError, ThawError
from core.measures import CurvePoint, DomainGap
from core.plans import Kind, Strategy

Similarity = Literal["high", "medium", "low"]
Priority = Literal["speed", "accuracy"]
Tell = Callable[[float, str, float | None], None]
"""How work says how far it is: share done, what is being done, seconds left. May raise to stop it."""
Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
IMAGES = "images"
"""The folder of an import that holds its files."""
SOURCE = "source"
"""The folder of an import that holds links to all files of an upload, where it can be read in other ways."""
EXCLUDED = "excluded"
"""What the manifest of a revision says in place of a split of an image that counts nowhere."""


@dataclass(frozen=True)
class Decoding:
    """How the files of a dataset become pictures of 8 bits: the same for all of them, and for whatever a model trained
    on them is shown later (`core.portable.pictures.read`)."""

    value_range: tuple[float, float] | None = None
    """Values that become black and white in files of more than 8 bits a sample; None = there are none, or it is still
    to be chosen from the images."""
    pages: tuple[int, ...] = (1,)
    """Number of the page that is taken of files with several, from 1 on; three become red, green and blue."""

    def __post_init__(self) -> None:
        if self.value_range is not None:
            low, high = self.value_range
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise DataError(f"A value range goes from a lower to a higher value, not from {low:g} to {high:g}.")
            object.__setattr__(self, "value_range", (float(low), float(high)))  # one way to write it: ids hold it
        check_counts(pages=max(self.pages, default=0))
        if len(self.pages) not in (1, 3) or min(self.pages) < 1:
            raise DataError(f"One page is taken, counted from 1, or three as channels; not {self.pages}.")


USUAL_DECODING = Decoding()


@dataclass(frozen=True)
class DatasetRef:
    """A dataset that was imported, or a revision of one (`revisions`): content-addressed, checked, immutable.

    The list of images is `manifest.csv` beside `dataset.json`: columns `path` (relative to `images/`),
    `label` (class index; -1 = none, in a target), `split` ('train' | 'val' | 'test' | '' when the source had no
    splits), `digest` (sha256 of the file, 32 hex), `width`, `height` (pixels, after EXIF rotation),
    `traits` (what is unusual about the file, names of `decoding.TRAITS` with blanks between), and `group` (what the
    image belongs to, a patient or a scene; '' = to nothing).

    A revision is a manifest only, with every row of its import in the import's order, so that row numbers mean the
    same image in both. Rows with the split 'excluded' count nowhere; their label is -1 when their class is gone.
    """

    id: str
    """First 16 hex digits of the sha256 over the sorted manifest rows (path, class name, split, digest; the group where
    there are groups) and a decoding that is not the usual one, for a revision with the id of its import before them."""
    name: str
    root: str
    """Absolute path of `THAW_HOME/datasets/<id>`; the files lie under `images_root`."""
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    """Images per class (in the order of `classes`) for each split name present ('' = not split)."""
    source: str
    """What the user gave: an archive's name, a folder's path, or 'sample: digits'."""
    created: float
    """Unix time of the import, in seconds."""
    set_aside: tuple[tuple[str, str], ...] = ()
    """(relative path, reason) of the files that could not be used."""
    notes: tuple[str, ...] = ()
    """Sentences the import wants to tell the user (wrapper folder skipped, no test split given, ...)."""
    target: bool = False
    """A second set of images attached to a dataset (`dataset.ingest.targets`): in no list, and not all labelled."""
    unlabelled: int = 0
    """Images without a label; they are in no class of `counts`."""
    base: str = ""
    """Id of the import whose images, row numbers and caches a revision uses; '' = this is an import."""
    parent: str = ""
    """Id of what was edited; '' for an import."""
    edit: str = ""
    """What was edited, in sentences; '' for an import."""
    excluded: int = 0
    """Images of the import that do not count here."""
    groups: int = 0
    """How many groups the images that count are of; none of them stands on two sides of a split that Thaw makes."""
    grouped_by: str = ""
    """What says which images belong together, in words: "column 'lesion_id'"; '' = nothing does."""
    reading: str = ""
    """How the source was read, in one line; '' when an older version imported it, and for what was not read."""
    reading_key: str = ""
    """By which the same reading can be asked for."""
    other_readings: tuple[tuple[str, str], ...] = ()
    """(key, line) of other ways to read it."""
    decoding: Decoding = USUAL_DECODING

    def __post_init__(self) -> None:
        check_dataset_ids(id=self.id, base=self.base, parent=self.parent)
        check_texts(
            name=self.name, classes="".join(self.classes), notes="".join(self.notes), edit=self.edit,
            grouped_by=self.grouped_by, reading=self.reading, reading_key=self.reading_key,
            other_readings="".join(text for one in self.other_readings for text in one),
        )  # fmt: skip
        check_moments(created=self.created)
        check_counts(unlabelled=self.unlabelled, excluded=self.excluded, groups=self.groups)
        for split, per_class in self.counts.items():
            check_counts(counts=min(per_class, default=0))
            check_counts(counts=max(per_class, default=0))
            if split not in ("", *SPLITS) or len(per_class) != len(self.classes):
                raise ThawError(f"counts of {split[:40]!r} are of {len(per_class)} classes, not {len(self.classes)}.")

    @property
    def kind(self) -> str:
        """What its examples are: 'image', the only kind yet. Who computes with them asks by it how they are opened."""
        return "image"

    @property
    def images_id(self) -> str:
        """Id of the import that holds the images: what caches and thumbnails are filed under."""
        return self.base or self.id

    @property
    def images_root(self) -> Path:
        """Folder that the manifest's paths are relative to."""
        return Path(self.root).with_name(self.images_id) / IMAGES

    @property
    def source_kept(self) -> Path:
        """Folder that holds an upload as it came, where it can be read in other ways; links, that take no room."""
        return Path(self.root).with_name(self.images_id) / SOURCE

    @property
    def images(self) -> int:
        return self.unlabelled + sum(sum(per_class) for per_class in self.counts.values())

    @property
    def per_class(self) -> tuple[int, ...]:
        """Images per class over all splits."""
        return tuple(sum(split[i] for split in self.counts.values()) for i in range(len(self.classes)))


@dataclass(frozen=True)
class Estimate:
    """A measured proportion with its interval, all in [0, 1]."""

    value: float
    low: float
    high: float
    how: str = ""
    """How it was measured, in a few words: '5-fold cross-validation, 400 images'."""


@dataclass(frozen=True)
class StageCost:
    """What one image costs at one boundary on this machine, in seconds (measured, batch of `batch`).

    boundary: index of the first trained stage (0 = whole backbone, last index = head only).
    below_s: one forward pass through the frozen stages below the boundary, no gradients.
    train_s: forward + backward + update of the stages from the boundary up.
    eval_s: forward only through the stages from the boundary up.
    train_bytes, eval_bytes: what the same two steps keep in memory at once at their fullest, without weights.
    """

    boundary: int
    below_s: float
    train_s: float
    eval_s: float
    train_bytes: int | None = None
    eval_bytes: int | None = None


@dataclass(frozen=True)
class HardwareFacts:
    device: str
    """'cpu', 'cuda' or 'mps'."""
    name: str
    """A person's name for it: 'CPU, 2 cores' or 'NVIDIA H200'."""
    cores: int
    memory_bytes: int


@dataclass(frozen=True)
class MemoryFacts:
    """What a worker takes besides its steps (see `StageCost`), measured in bytes."""

    process: int
    """A worker that has started and loaded nothing yet; 0 where an accelerator's memory is meant."""
    batch: int
    """Making one batch of images ready for the network."""
    frozen_pass: int
    """Making one and passing it through the frozen stages, whose folded copies are included."""


@dataclass(frozen=True)
class DatasetFacts:
    """What a profile job measured about one dataset with one backbone. Unmeasured is `None`."""

    dataset_id: str
    backbone: str
    classes: tuple[str, ...]
    train_images: int
    """Images available for training and validation together (everything that is not test)."""
    test_images: int
    per_class: tuple[int, ...]
    """Training + validation images per class."""
    width_px: tuple[int, int, int] | None = None
    """(smallest, median, largest) image width."""
    height_px: tuple[int, int, int] | None = None
    ready_made: Estimate | None = None
    """Balanced accuracy of a cross-validated linear probe on the backbone's features."""
    chance: float | None = None
    """Balanced accuracy of guessing: 1 / number of classes."""
    probe_accuracy: Estimate | None = None
    """Plain (not balanced) accuracy of the same probe: what a test on images in these proportions would show."""
    domain_gap: DomainGap | None = None
    """Distance between the images' activations and the pre-training's; 0-100 by
    `advisor.advice.learned_rules.gap_percent`."""
    depth_gap: Estimate | None = None
    """Balanced accuracy of a probe on the pooled features of all stages minus one on the last stage's alone, in
    [-1, 1]. Above 0: the top stages are not made for these images."""
    data_curve: tuple[CurvePoint, ...] = ()
    """Accuracy of the probe trained on an eighth, a quarter, half and all of the images, ascending."""
    logme: float | None = None
    """Log evidence per image that the features explain the labels: compares backbones on the same images."""
    costs: tuple[StageCost, ...] = ()
    """One per boundary, ascending; empty when throughput was not measured."""
    decode_s: float | None = None
    """Reading + decoding + resizing one image (paid once: the result is cached)."""
    forward_images_per_s: float | None = None
    train_images_per_s: float | None = None
    """Forward + backward through the whole backbone."""
    hardware: HardwareFacts | None = None
    memory: MemoryFacts | None = None
    seconds: float | None = None
    """How long the profile took."""
    groups: int = 0
    """Groups that the training and validation images are of; 0 = none are known."""
    timed_at: float | None = None
    """When training was timed, Unix time."""
    others: float | None = None
    """Share of the CPUs that other programs took meanwhile, in [0, 1]: times are then too long."""

    def __post_init__(self) -> None:
        check_moments(timed_at=self.timed_at)
        check_counts(others=self.others)
        check_counts(
            train_images=self.train_images, test_images=self.test_images, per_class=min(self.per_class, default=0),
            decode_s=self.decode_s, forward_images_per_s=self.forward_images_per_s,
            train_images_per_s=self.train_images_per_s, seconds=self.seconds, groups=self.groups,
        )  # fmt: skip
        check_counts(per_class=max(self.per_class, default=0))
        if len(self.per_class) != len(self.classes):
            raise ThawError(f"per_class is of {len(self.per_class)} classes, not of {len(self.classes)}.")
        for cost in self.costs:
            check_counts(**vars(cost))


@dataclass(frozen=True)
class Budget:
    """What the user can spend. `minutes` is wall time of training on this machine."""

    minutes: float = 10.0
    priority: Priority = "accuracy"

    def __post_init__(self) -> None:
        if not self.minutes > 0:
            raise PlanError(f"The budget must be more than 0 minutes, not {self.minutes:g}.")
        if self.priority not in get_args(Priority):
            raise PlanError(f"The priority is 'speed' or 'accuracy', not '{self.priority}'.")


@dataclass(frozen=True)
class PathStep:
    """One answered question on the way down a rulebook's tree."""

    node: str
    question: str
    answer: str


@dataclass(frozen=True)
class Answer:
    """What one rulebook says about this dataset."""

    rulebook: str
    """'course', 'workflow', 'classic' or 'measured'."""
    kind: Kind
    trained_stages: int | None
    """For 'partial': how many stages below the head are trained; None = the strategy's default."""
    leaf: str
    """Id of the leaf reached."""
    says: str
    """The leaf in the textbook's own terms: 'Feature extraction + DA'."""
    path: tuple[PathStep, ...]
    source: str
    caveats: tuple[str, ...] = ()
    """What the rulebook adds that cannot be done here (domain adaptation without a second domain), in words."""


@dataclass(frozen=True)
class Candidate:
    """One strategy planned for this dataset, backbone and budget, with its price."""

    strategy: Strategy
    trainable_params: int
    total_params: int
    stage_lrs: tuple[float, ...]
    """Peak learning rate per stage over the whole run, in stage order (0 = never trained)."""
    seconds: float | None
    """Estimated training time on this machine; None without measured throughput."""
    cached_seconds: float | None
    """Of these, the one-time part that fills the prefix cache."""
    fits: bool | None
    """Whether `seconds` is inside the budget; None when unknown."""
    accuracy: Estimate | None
    """Forecast test accuracy; None = not forecast (shown as unknown, never guessed)."""
    why: str
    """One sentence: what speaks for it here."""
    limits: tuple[str, ...] = ()
    """What speaks against it, or was cut to fit the budget."""
    memory_bytes: int | None = None
    """Forecast peak memory of the run on this machine; None where it was not measured."""


@dataclass(frozen=True)
class WhatIf:
    """A single change of the inputs that changes the recommendation."""

    change: str
    """'If you had 1,000 training images or more'"""
    kind: Kind
    says: str


@dataclass(frozen=True)
class Recommendation:
    best: Candidate
    alternatives: tuple[Candidate, ...]
    """Every other strategy, ranked; all are trainable with one click."""
    answers: tuple[Answer, ...]
    """One per rulebook; the first is the one followed."""
    agree: bool
    sentence: str
    """The recommendation in one sentence, with its numbers."""
    reasons: tuple[str, ...]
    would_change: tuple[WhatIf, ...]
    warnings: tuple[str, ...] = field(default=())
    confidence: str = ""
    """How sure this is, in words with what it rests on; '' where no evidence was asked."""
    within_noise: tuple[Kind, ...] = ()
    """Strategies that the evidence cannot tell from the best one here."""
    domain_gap: float | None = None
    """0-100, a percentile among the reference sets; what the user set by hand counts as the middle of its third."""
    similarity: Similarity | None = None
    """The word that the textbooks were given."""
    affordable_epochs: float | None = None
    """How often the budget passes the training images through the whole backbone in training."""
