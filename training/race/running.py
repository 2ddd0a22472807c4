"""A race from its first rung to its tested winner: a job that holds the training lane and carries out runs within it.

Every rung is a run of its own, with its own rows, checkpoint and page; this process works on both. What was decided is
written down before it is done: a race that is resumed goes on with the rung that was interrupted, from its checkpoint.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from advisor.advice import learned, recommend
from advisor.planning import Sizes, fit_batch, fits, memory_for
from core import (
    Budget,
    DatasetFacts,
    DatasetRef,
    HardwareFacts,
    PlanError,
    RunConfig,
    Strategy,
    ThawError,
    TrainingError,
    to_json,
)
from core.words import duration, percent
from core.zoo import catalog
from dataset import everything, load_dataset, sides
from training.caches import Bench, Pools, telling
from training.jobs.context import StopRequested, StoreContext
from training.jobs.worker import perform
from training.machine import accelerated, cpu
from training.machine.memory import available_bytes
from training.machine.others import QUIET
from training.machine.shrinking import give_back
from training.profile.one_pass import deep_of, fitted_rows, one_pass
from training.race import record
from training.race.deciding import decide
from training.race.judging import judge
from training.race.lanes import worth_a_look
from training.race.looking import look
from training.race.record import Decision, Looked, RaceResult
from training.race.standing import Begin, End, Measure, Rung, Standing, Wider
from training.race.worth import choose
from training.record import to_train
from training.requests import Race
from training.requests.race import group_of
from training.store import Job, RunResult, Store

OPENING_S = 5.0
"""For opening a graph and the caches, beside a pass over the images."""
CLOSING_S = 2.0
"""Opening the winner's weights and writing its answers, besides judging its test images."""
FRESH_S = 7 * 24 * 3600.0
"""Speeds that other images of this machine were measured with hold for these too, when they are no older."""


def race(request: Race, context: StoreContext) -> dict[str, Any]:
    """Rungs until none is worth its time; then the winner alone is judged on the test images. Raises TrainingError
    where no rung kept weights, StopRequested with the result when it was asked to stop."""
    return dict(to_json(_Race(request, context).run()))


class _Within(StoreContext):
    """One rung from the inside: a stop of the race stops it too, and the race tells how far it is."""

    def __init__(self, store: Store, job: Job, whole: StoreContext, budget_s: float) -> None:
        self._whole, self._budget_s = whole, budget_s
        self._title = record.title_of(job.plan.strategy, whole.job.config["backbone"])
        super().__init__(store, job)

    def stop_requested(self) -> bool:
        return super().stop_requested() or self._whole.stop_requested()

    def progress(self, fraction: float, doing: str, eta_s: float | None = None) -> None:
        super().progress(fraction, doing, eta_s)
        spent = self._whole.seconds
        left = max(0.0, self._budget_s - spent)
        self._whole.progress(min(0.99, spent / self._budget_s), f"{self._title}: {doing}", left)


class _Race:
    def __init__(self, request: Race, context: StoreContext) -> None:
        self.request, self.context, self.store = request, context, context.store
        self.card = catalog.backbone(request.backbone)
        self.ref: DatasetRef = load_dataset(context.home, request.dataset_id)
        self.budget_s = 60 * request.minutes
        self.log = record.record_of(context.home, context.job.id)
        split = sides(self.ref, request.seed).tolist()
        self.train_images, self.test_images = split.count("train") + split.count("val"), split.count("test")
        self.log = replace(self.log, val_images=split.count("val"))
        self.passed_s: float | None = None
        """Seconds per image of the pass that this attempt made."""
        self.loaded_s = 0.0
        """Seconds that loading torch took, for measuring."""

    def run(self) -> RaceResult:
        left = None
        with suppress(StopRequested):  # of what keeps nothing: the rungs that have ended are there
            self._go_on()
            if not self.log.rungs:
                self.passed_s = self._pass(self.card.name)
            while not self.context.stop_requested():
                at = self.standing()
                if self.log.looked is None and self.request.wider and worth_a_look(at):
                    self._look(at)
                    continue
                step = decide(at)
                if isinstance(step, Measure):
                    self._note(step.says + ".")
                    self._measure()
                elif isinstance(step, End):
                    self._note(step.says + ".", gain=step.gain)
                    left = step.gain
                    break
                elif (why := self._begin(step, at)) and step.strategy.head == "stages":  # it was only beside
                    self.log = replace(self.log, all_stages=False)
                    self._note(why)
                elif why:
                    own = step.strategy.backbone == self.card.name
                    if not own and self.log.looked:
                        self.log = replace(self.log, looked=replace(self.log.looked, closed=True))
                    self._note(why)
                    if own:
                        break
        return self._finish(left)

    # ---- where it stands ------------------------------------------------------------------------------

    def standing(self) -> Standing:
        facts, rungs = self._facts(), tuple(self._rungs())
        left_s = self.budget_s - self.context.seconds - CLOSING_S
        return Standing(
            self.card, self.train_images, self.test_images, len(self.ref.classes), self.log.val_images, left_s,
            self.passed_s or 0.0, rungs, facts, learned(self.context.home), self._wider(), self.log.all_stages,
        )  # fmt: skip

    def _wider(self) -> Wider | None:
        looked = self.log.looked
        card = catalog.known(looked.backbone) if looked and looked.backbone else None
        return Wider(card, looked.slower, looked.read_s, looked.closed) if looked and card else None

    def _facts(self) -> DatasetFacts | None:
        facts = self.store.facts(self.ref.id, self.card.name)
        return facts if facts and facts.hardware == _hardware() else None

    def _rungs(self) -> list[Rung]:
        given = {one.run: one.minutes for one in self.log.decisions if one.run}
        found = []
        for job in record.rungs_of(self.store, self.context.job.id):
            if not job.active and job.id in given:
                result, strategy = RunResult.of(job), job.plan.strategy
                kept = result.val_accuracy if result.weights else None
                beside = "" if strategy.backbone == self.card.name else strategy.backbone
                judged, minutes = strategy.judged or 0, given[job.id]
                rung = Rung(job.id, strategy.kind, kept, minutes, judged, beside, strategy.head, job.seconds)
                found.append(rung)
        return found

    # ---- what it does ---------------------------------------------------------------------------------

    def _look(self, at: Standing) -> None:
        """For a wider backbone, once; whatever is wrong with one ends no race."""
        self._tell(0.0, "Looking for a wider backbone", None)
        found = Looked()
        try:
            found = look(self.card, self.ref, self.context.home, at.facts.decode_s if at.facts else None)
        except Exception as error:  # its weights, its export or an engine, which may be anybody's
            self._note(f"No wider backbone is tried: {error}")
        self.log = replace(self.log, looked=found)
        record.write(self.context.home, self.context.job.id, self.log)

    def _begin(self, step: Begin, at: Standing) -> str:
        """Why it could not be begun; "" where it was."""
        beside = step.strategy.backbone != self.card.name
        try:
            return self._begun(self._fitted(step, at.beside(), at.pass_s) if beside else step)
        except ThawError as error:
            if not beside and not isinstance(error, PlanError):  # memory
                raise
            return f"{self._title(step.strategy)} cannot be trained here: {error}"

    def _fitted(self, step: Begin, at: Standing, pass_s: float) -> Begin:
        """A rung of the wider backbone as memory allows, its features computed. at: as it stands for that one. Raises
        PlanError where memory is too small, and TrainingError where the pass takes twice as long as it was to."""
        assert at.facts is not None
        ours = at.facts.memory.process if at.facts.memory else 0  # this process goes on: it is here already
        sizes, there = Sizes.measured(at.facts), memory_for(at.facts, available_bytes() + ours)
        strategy = fit_batch(step.strategy, at.card, sizes, at.facts, there)
        if not fits(strategy, at.card, sizes, at.facts, there):
            raise PlanError("it needs more memory than is free")
        if step.strategy.kind == "linear_probe":
            self._pass(at.card.name, OPENING_S + 2 * pass_s)
        return replace(step, strategy=strategy)

    def _begun(self, step: Begin) -> str:
        plan = RunConfig(
            self.ref.id, step.strategy, seed=self.request.seed, split_seed=self.request.seed, minutes=step.minutes,
            group=group_of(self.context.job.id), from_run=step.from_run, tested=False,
        )  # fmt: skip
        request = to_train(self.store, plan)
        request.check(self.store)
        job = self.store.begin_within(
            self.context.job, self.ref.id, request.config(), group=plan.group, prepare=request.prepare
        )
        self._note(step.says, job.id, step.minutes, step.gain)
        self._carry_out(job)
        return ""

    def _go_on(self) -> None:
        """With the rung that an earlier attempt did not end."""
        known = {job.id: job for job in record.rungs_of(self.store, self.context.job.id)}
        job = known.get(self.log.rungs[-1]) if self.log.rungs else None
        if job is not None and job.state in ("lost", "stopped", "queued"):
            self._carry_out(self.store.resume_within(self.context.job, job.id))

    def _carry_out(self, job: Job) -> None:
        ended = perform(_Within(self.store, job, self.context, self.budget_s))
        give_back()
        if ended.state == "failed":
            self._note(f"{self._title(job.plan.strategy)} failed: {ended.error}")

    def _tell(self, fraction: float, doing: str, eta_s: float | None) -> None:
        spent = self.context.seconds
        self.context.tell(min(0.99, spent / self.budget_s), doing, max(0.0, self.budget_s - spent))

    def _pass(self, backbone: str, most_s: float = math.inf) -> float | None:
        """The pass that the probe reads, and whatever is measured or trained after it; test images wait. Seconds per
        image, None where little of it was missing. Raises TrainingError when it takes longer than `most_s`."""
        began = time.monotonic()

        def tell(fraction: float, doing: str, eta_s: float | None) -> None:
            if eta_s != 0 and time.monotonic() - began > most_s:  # not once all is done
                raise TrainingError(f"its pass over the images takes longer than {duration(most_s)}")
            self._tell(fraction, doing, eta_s)

        home, reading = self.context.home, telling(tell, 0.0, 0.3, "Reading images")
        bench = Bench.of_graph(self.ref, backbone, home, reading) or Bench.of(self.ref, backbone, home, reading)
        bench = replace(bench, split_seed=self.request.seed)
        deep = deep_of(bench)
        pools = Pools(bench.prefix, deep)
        passed_s = one_pass(bench, tell, pools, fitted_rows(bench))
        pools.read(deep)
        every = bench.prefix.of_all_stages
        if every and every.graph and backbone == self.card.name:
            stored = not every.missing(bench.network.head_index, fitted_rows(bench), 0)
            self.log = replace(self.log, all_stages=stored and every.graph.width == self.card.all_width)
        return passed_s

    def _measure(self) -> None:
        before = time.monotonic()
        from training.profile import profiling  # loads torch: no measuring where something is trained by it next

        self.loaded_s = time.monotonic() - before
        began, at_s = time.monotonic(), self.context.seconds
        facts = profiling.profile(
            self.ref, self.card.name, self.context.home, self._tell, self._like(), passed_s=self.passed_s, brief=True,
            split_seed=self.request.seed,
        )
        self.store.save_facts(facts, self.context.job)
        took_s = self.log.measured_s + time.monotonic() - began
        self.log = replace(self.log, measured_s=took_s, measured_at_s=at_s)
        record.write(self.context.home, self.context.job.id, self.log)

    def _like(self) -> DatasetFacts | None:
        """The newest facts of other images whose speeds were measured on this machine while it was quiet."""
        since = time.time() - FRESH_S
        found = (self.store.facts(ref.id, self.card.name) for ref in everything(self.context.home))
        timed = [one for one in found if one and one.costs and one.hardware == _hardware() and one.timed_at]
        quiet = [one for one in timed if (one.timed_at or 0) > since and (one.others or 0) <= QUIET]
        return max(quiet, key=lambda one: one.timed_at or 0.0, default=None)

    def _finish(self, left: float | None) -> RaceResult:
        standing = self.standing()
        best = choose(standing)
        if best is None and self.context.stop_requested():
            raise StopRequested
        if not any(rung.descended for rung in standing.rungs):
            self.log = replace(self.log, measured_s=self.log.measured_s + self.loaded_s)
        if standing.facts is not None:
            budget = Budget(self.request.minutes)
            said = recommend(standing.facts, None, budget, follow="measured", learned=standing.learned)
            self.log = replace(self.log, answers=said.answers)
        if best is None:
            raise TrainingError("No rung of this race kept weights: look at its runs, each says what it met.")
        job = self.store.job(best.run_id)
        if RunResult.of(job).test_total is None:
            self.context.progress(0.99, "Judging the winner once on the test images")
            job = self.store.add_test(job.id, to_json(judge(job, self.context)))
        tested = RunResult.of(job)
        self._note(
            f"{self._title(job.plan.strategy)} is taken, by validation: it alone was judged on the test images and "
            f"answers {percent(tested.test_accuracy)} of them rightly. {self._used()}", gain=left,
        )  # fmt: skip
        result = RaceResult(
            best.run_id, tested.val_accuracy, tested.test_accuracy, self.context.seconds, self.log.measured_s, left,
            self.log.rungs,
        )  # fmt: skip
        if self.context.stop_requested():
            raise StopRequested(dict(to_json(result)))
        return result

    def _title(self, strategy: Strategy) -> str:
        return record.title_of(strategy, self.card.name)

    def _used(self) -> str:
        return f"{duration(self.context.seconds)} of {duration(self.budget_s)} were used."

    def _note(self, says: str, run: str = "", minutes: float = 0.0, gain: float | None = None) -> None:
        self.log = self.log.with_decision(Decision(self.context.seconds, says, run, minutes, gain))
        record.write(self.context.home, self.context.job.id, self.log)
        self.context.event("info", "race", says)


def _hardware() -> HardwareFacts:
    if not accelerated():
        return cpu.hardware()
    from training.machine import devices

    return devices.hardware(devices.pick())
