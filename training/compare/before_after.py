"""A run before an edit of the data and one after it, compared over the test images that both revisions share. No torch.

Runs of different revisions are otherwise never compared: their test sets are not the same. Here they are cut down to
what both have, every image is judged by its label of today in both runs, and all of that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core import CompareError, Estimate
from core.words import counted, percent
from dataset import load_dataset
from training.compare.contests import Verdict, verdict_of
from training.compare.seeds import assumed
from training.evaluation import Answers, answers_of, class_name, flips, paired_p, wilson
from training.store import Job, Store


@dataclass(frozen=True)
class BeforeAfter:
    """Two runs over the shared test images, judged by the labels of the revision after."""

    before: Estimate
    after: Estimate
    images: int
    relabelled: int
    """Of these, the ones whose label is another one now."""
    only_before: int
    """Test images that the revision after does not test on (excluded, or moved)."""
    only_after: int
    by_old_labels: Estimate
    """The run before, as it was judged then, on the same images."""
    p: float
    verdict: Verdict
    """What may be said of the run after."""
    fixed: tuple[str, ...]
    """Images that only the run after gets right."""
    broken: tuple[str, ...]
    """Images that only the run before gets right."""

    def sentence(self) -> str:
        """The result in words, with what was compared."""
        said = {
            "better": "The run after the edit is better",
            "worse": "The run after the edit is worse",
        }.get(self.verdict, "No difference shown")
        return (
            f"{said}: {percent(self.before)} before, {percent(self.after)} after, on {self.how()} "
            f"(McNemar's test with room for the luck of a seed, p = {self.p:.2g})."
        )

    def how(self) -> str:
        """'the 38 test images that both revisions share, 2 of them under their new label'."""
        text = f"the {counted(self.images, 'test image')} that both revisions share"
        if self.relabelled:
            text += f", {self.relabelled:,} of them under {'its' if self.relabelled == 1 else 'their'} new label"
        left = [
            f"{counted(number, 'image')} tested only {when} the edit"
            for number, when in ((self.only_before, "before"), (self.only_after, "after"))
            if number
        ]
        return text + (f"; {' and '.join(left)} left out" if left else "")


def before_after(store: Store, before: Job, after: Job) -> BeforeAfter:
    """Compare two runs of revisions of one import. Raises CompareError, naming what stands in the way."""
    configs = [job.plan for job in (before, after)]
    refs = [load_dataset(store.home, config.dataset_id) for config in configs]
    if refs[0].images_id != refs[1].images_id:
        raise CompareError(
            f"Runs '{before.id}' and '{after.id}' are of different images, not of two revisions of them."
        )
    if configs[0].split_seed != configs[1].split_seed:
        raise CompareError(f"Runs '{before.id}' and '{after.id}' cannot be compared: their split seed differs.")
    old, new = (
        _named(answers_of(store.home, job), ref.classes) for job, ref in zip((before, after), refs, strict=True)
    )
    for job, answers in ((before, old), (after, new)):
        if not answers:
            raise CompareError(f"Run '{job.id}' has no answers on test images to compare.")
    shared = sorted(set(old) & set(new))
    if not shared:
        raise CompareError("The two revisions have no test image in common.")
    truth = np.array([new[path][0] for path in shared])
    right_before = np.array([old[path][1] for path in shared]) == truth
    right_after = np.array([new[path][1] for path in shared]) == truth
    then = sum(old[path][0] == old[path][1] for path in shared)
    p = paired_p(*flips(right_before, right_after), assumed(configs[0].strategy) + assumed(configs[1].strategy))
    return BeforeAfter(
        before=wilson(int(right_before.sum()), len(shared)),
        after=wilson(int(right_after.sum()), len(shared)),
        images=len(shared),
        relabelled=sum(old[path][0] != new[path][0] for path in shared),
        only_before=len(set(old) - set(new)),
        only_after=len(set(new) - set(old)),
        by_old_labels=wilson(then, len(shared)),
        p=p,
        verdict=verdict_of(p, float(right_after.mean() - right_before.mean())),
        fixed=tuple(path for path, b, a in zip(shared, right_before, right_after, strict=True) if a and not b),
        broken=tuple(path for path, b, a in zip(shared, right_before, right_after, strict=True) if b and not a),
    )


def group_of(run_id: str) -> str:
    """The group that the retrained runs of a run belong to."""
    return f"after-{run_id}"


def run_before(group: Any) -> str | None:
    """The id of the run that a retrained run came from, by its group; None for any other run."""
    return str(group).removeprefix("after-") if str(group).startswith("after-") else None


def _named(answers: Answers, classes: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Path -> (label, answer) by name: a merge gives classes other numbers."""
    return {
        path: (class_name(classes, str(truth)), class_name(classes, str(predicted)))
        for path, truth, predicted in zip(answers.paths, answers.truth, answers.predicted, strict=True)
    }
