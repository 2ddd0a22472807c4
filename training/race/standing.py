"""All that a decision of a race rests on, and what a decision can be. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from advisor.advice import Learned, gap_percent
from advisor.advice.forecasts import forecast
from advisor.advice.learned_rules import facts_for
from advisor.planning import LOADING_S, affordable_epochs, plan
from advisor.planning.costs import cost_at
from advisor.planning.options import Options
from core import SOLVED_KINDS, DatasetFacts, Estimate, Head, Kind, Strategy
from core.zoo import BackboneCard

LEAST_S = 6.0
"""Shorter than this no rung that descends gets beyond its first steps."""
TOP_SHARE, DEEPER_EPOCHS = 0.5, 12.0
"""What the top stages get of the time where it holds so many epochs of the whole network: the rest is for those."""
MORE_BY_ALL, MORE_SD = 0.018, 0.033
"""Mean and spread over eight sets of what a head on all stages gains, in [0, 1] (benchmarks/results/all_stages.md)."""
APART = 0.6
"""Two heads on the same images differ in less than two samples would: the variance of their difference, as a share of
the sum of both (ours, to be measured)."""
MEASURING_S, MEASURING_OF_PASS = 7.5, 0.18
"""Seconds that it takes to measure what only the choice needs, and what it takes more for each second of the pass over
the images: about what benchmarks/results/race.md shows, 9 s after a pass of 4, 10 after 10, 11 after 26."""


@dataclass(frozen=True)
class Rung:
    """A run of the race that has ended."""

    run_id: str
    kind: Kind
    val_accuracy: float | None
    """None where no weights were kept."""
    minutes: float
    """What it was given."""
    judged: int = 0
    """Validation images that say so; 0 = all."""
    backbone: str = ""
    """Of the lane beside; "" = the race's own."""
    head: Head = "linear"
    seconds: float = 0.0
    """What it took."""

    @property
    def descended(self) -> bool:
        return self.kind not in ("linear_probe", "prototype")


@dataclass(frozen=True)
class Wider:
    """A backbone that knows more and takes longer: a lane beside the race's own."""

    card: BackboneCard
    slower: float
    """How many times as long an image takes through it as through the race's own."""
    read_s: float
    """Seconds to read an image for it; 0 where its size was read already."""
    closed: bool = False
    """Whether no further rung of it may begin."""


@dataclass(frozen=True)
class Standing:
    """Where a race stands, for its own backbone; `beside` is the same for the wider one."""

    card: BackboneCard
    train_images: int
    """For training and validation together."""
    test_images: int
    classes: int
    val_images: int
    left_s: float
    """Of the budget, when what has to follow the last rung is taken off, except judging the test images."""
    passed_s: float
    """What the pass took for an image; 0 where that is not known."""
    rungs: tuple[Rung, ...]
    facts: DatasetFacts | None
    """Measured of these images with this backbone; None = not yet."""
    learned: Learned | None
    wider: Wider | None = None
    """None where there is none, or nobody has looked."""
    all_stages: bool = False
    """Whether what all stages give is stored, so that a head on them costs no pass."""

    @property
    def measuring_s(self) -> float:
        """What it would take to measure what the choice needs."""
        return MEASURING_S + MEASURING_OF_PASS * self.passed_s * self.train_images

    def left_for(self, boundary: int) -> float:
        """Seconds for a rung that trains from this boundary up: its test images may have to be judged after it."""
        cost = cost_at(self.facts.costs, boundary) if self.facts else None
        if cost is None:
            return self.left_s - self.test_images * self.passed_s
        below_s = cost.below_s if 0 < boundary < self.card.head else 0.0
        return self.left_s - self.test_images * (cost.eval_s + below_s)

    def for_top(self, left_s: float) -> float:
        """Seconds of these that the top stages get."""
        shared = self.affordable(self.left_for(0)) >= DEEPER_EPOCHS
        return max(LEAST_S, TOP_SHARE * left_s) if shared else left_s

    def affordable(self, seconds: float) -> float:
        """Epochs of the whole network in so many seconds."""
        return (affordable_epochs(self.facts, seconds / 60) or 0.0) if self.facts and seconds > 0 else 0.0

    def solving(self, kind: Kind, head: Head = "linear") -> Strategy:
        """A head on frozen features."""
        images, tested, options = self.train_images, self.test_images, Options(head=head)
        return plan(kind, self.card, train_images=images, classes=self.classes, test_images=tested, options=options)

    def planned(self, kind: Kind, minutes: float) -> Strategy:
        """For a worker that is loaded: this one. Its facts are known."""
        assert self.facts is not None
        return plan(
            kind, self.card, train_images=self.train_images, classes=self.classes, minutes=minutes + LOADING_S / 60,
            costs=self.facts.costs, test_images=self.test_images,
        )  # fmt: skip

    def foresee(self, kind: Kind, seconds: float) -> Estimate | None:
        """Test accuracy of a strategy in so many seconds, with its 80 % interval; None where nothing was learned.

        What was learned stands beside a head on the last stage. Where one on all stages is better than such heads
        usually are, there is more to be had below, and what trains stages finds it too: on eight sets it gains more
        than that head, or within 0.1 points of it (benchmarks/results/epochs_kept.md beside all_stages.md)."""
        if self.facts is None or self.learned is None:
            return None
        epochs = affordable_epochs(self.facts, seconds / 60)
        facts = facts_for(self.facts, gap_percent(self.facts, self.learned), epochs)
        said, own_lane = forecast(kind, facts, self.learned.corrections), not self.wider or self.card != self.wider.card
        if said is None or kind in SOLVED_KINDS or not own_lane:
            return said
        more = max(0.0, min((self.more_by_all or 0.0) - MORE_BY_ALL, 1 - said.high))  # as wide as it was
        return replace(said, value=said.value + more, low=said.low + more, high=said.high + more)

    @property
    def more_by_all(self) -> float | None:
        """How much more a head on all stages is worth than one on the last, in [0, 1]: as validation says, weighed with
        what such heads gained elsewhere. None where there are not both."""
        last = self.solved()
        every = next((one for one in self.rungs if one.head == "stages"), None)
        if last is None or every is None or last.val_accuracy is None or every.val_accuracy is None:
            return None
        n = max(1, self.val_images)
        centre = (last.val_accuracy * n + 2) / (n + 4)
        variance = APART * 2 * centre * (1 - centre) / (n + 4)
        weight = variance / (variance + MORE_SD**2)
        return weight * MORE_BY_ALL + (1 - weight) * (every.val_accuracy - last.val_accuracy)

    def solved(self, *, beside: bool = False) -> Rung | None:
        """The head solved on the last stage of the race's own backbone, or of the one beside it."""
        heads = (one for one in self.rungs if one.kind == "linear_probe" and one.head == "linear")
        return next((one for one in heads if bool(one.backbone) is beside), None)

    @property
    def pass_s(self) -> float:
        """Seconds of the wider backbone's pass over the images for training and validation, all of them read."""
        read_s = self.wider.read_s if self.wider else 0.0
        return self.beside().passed_s * self.train_images + read_s * (self.train_images + self.test_images)

    def of(self, rung: Rung) -> Standing:
        """As it stands for the backbone of this rung."""
        return self.beside() if rung.backbone else self

    def beside(self) -> Standing:
        """As it stands for the wider backbone: costs are those measured of the race's own, in proportion; the probe's
        accuracy moves by as much as the two solved heads differ on the same validation images. As it is where there is
        none, or nothing was measured."""
        wide, facts = self.wider, self.facts
        own_s = cost.below_s if facts and (cost := cost_at(facts.costs, self.card.head)) else 0.0
        if wide is None or facts is None or own_s <= 0:
            return self
        slower = wide.slower
        costs = tuple(
            replace(
                cost, below_s=slower * cost.below_s, train_s=slower * cost.train_s, eval_s=slower * cost.eval_s,
                train_bytes=_times(slower, cost.train_bytes), eval_bytes=_times(slower, cost.eval_bytes),
            )
            for cost in facts.costs
        )  # fmt: skip
        own, theirs, probe = self.solved(), self.solved(beside=True), facts.probe_accuracy
        if probe and own and theirs and own.val_accuracy is not None and theirs.val_accuracy is not None:
            moved = theirs.val_accuracy - own.val_accuracy
            probe = replace(
                probe, value=_share(probe.value + moved), low=_share(probe.low + moved), high=_share(probe.high + moved)
            )
        facts = replace(facts, backbone=wide.card.name, costs=costs, probe_accuracy=probe)
        return replace(self, card=wide.card, facts=facts, passed_s=slower * own_s)


def _times(factor: float, size: int | None) -> int | None:
    return None if size is None else round(factor * size)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


@dataclass(frozen=True)
class Begin:
    """A rung to be carried out."""

    strategy: Strategy
    minutes: float
    says: str
    gain: float | None = None
    from_run: str = ""


@dataclass(frozen=True)
class Measure:
    """What the choice needs is to be measured first."""

    says: str


@dataclass(frozen=True)
class End:
    """Nothing is worth its time any more."""

    says: str
    gain: float | None = None


Next = Begin | Measure | End
