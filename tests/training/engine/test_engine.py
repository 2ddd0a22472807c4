"""The loop itself, on vectors: what is trained stays what was promised, and a stop anywhere loses nothing."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch

from core.errors import PlanError
from core.plans import KINDS, Phase, Strategy
from tests.support.toys import HEAD, STRATEGIES, Recorder, equal, fit, task, weights
from training.backbones.backbone import build
from training.caches.bench import Runtime
from training.caches.prefix import PrefixCache
from training.engine.descent import Descent, NotFinite
from training.engine.fit import Fit
from training.engine.judge import Judge
from training.engine.progress import Best, Position
from training.engine.publish import NOT_BEATEN, Telling


@pytest.mark.parametrize("kind", STRATEGIES)
def test_every_strategy_learns_and_reports_each_epoch(kind: str) -> None:
    context = Recorder()
    job, fitted, _ = fit(STRATEGIES[kind], context)
    assert not fitted.stopped
    assert len(context.epochs) == STRATEGIES[kind].epochs
    solved = [phase.solved for phase in STRATEGIES[kind].phases]  # those keep what has the lowest loss
    descended = [row["val_accuracy"] for row in context.epochs if not solved[row["phase"]]]
    pairs = [(before + after) / 2 for before, after in itertools.pairwise(descended)]
    assert fitted.best.counted >= max(pairs, default=0.0)
    assert fitted.best.val_accuracy in {row["val_accuracy"] for row in context.epochs}
    probabilities = job.predict(task().rows["test"])
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
    assert fitted.best.val_accuracy > 0.4 if kind in ("full", "partial") else fitted.best.val_accuracy > 0.6


def test_one_lucky_epoch_does_not_replace_the_solved_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """281 photos: in 28 epochs that had unlearned a lot one answered a validation image more than the head, and lost 6
    points of the test images."""
    accuracies = iter([0.94, 0.5, 0.6, 1.0, 0.94])
    monkeypatch.setattr(Judge, "validate", lambda self, boundary: (0.5, next(accuracies), [1] * 5))
    monkeypatch.setattr(Fit, "_solve", lambda self, phase: self._keep(phase.boundary, 0.986, 0.1, 1.0))
    _, fitted, _ = fit(STRATEGIES["lp_ft"], Recorder())
    assert (fitted.best.boundary, fitted.best.val_accuracy) == (HEAD, 0.986)


@pytest.mark.parametrize(
    ("schedule", "last", "kept"),
    [("cosine", 0.98, HEAD), ("cosine", 0.986, HEAD), ("cosine", 0.99, 0), ("constant", 0.98, 0)],
)
def test_a_solved_head_stays_where_the_last_epoch_at_a_rate_that_fell_to_nothing_is_no_better(
    schedule: Literal["cosine", "constant"], last: float, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lucky epochs in the middle prove nothing then; where the rate stayed, the last is not the judge of all. It
    does not depend on where a run is killed."""
    head, descent = STRATEGIES["lp_ft"].phases
    strategy = replace(STRATEGIES["lp_ft"], phases=(head, replace(descent, schedule=schedule)))
    monkeypatch.setattr(Fit, "_solve", lambda self, phase: self._keep(phase.boundary, 0.986, 0.1, 1.0))
    all_of_them = [0.99, 0.99, 0.99, 0.98, last]
    monkeypatch.setattr(Judge, "validate", lambda self, boundary: (0.5, all_of_them[len(done)], [1] * 5))
    told, done = Recorder(), []
    monkeypatch.setattr(Recorder, "row", lambda self, values: done.append(values) if "val_loss" in values else None)
    assert fit(strategy, told)[1].best.boundary == kept
    done, killed = [], Recorder(stop_after=told.asked - 1)
    fit(strategy, killed)
    assert killed.saved is not None and fit(strategy, Recorder(), resume=killed.saved)[1].best.boundary == kept


def test_after_a_roll_back_an_epoch_counts_with_the_weights_that_it_went_back_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accuracies, step, failed = iter([0.2, 0.95, 0.5, 0.5, 0.95]), Descent.step, []

    def once(self: Descent, rows: Any, at: Position, steps: int) -> tuple[float, float]:
        if at.epoch == 1 and not failed:
            failed.append(True)
            raise NotFinite
        return step(self, rows, at, steps)

    monkeypatch.setattr(Judge, "validate", lambda self, boundary: (0.5, next(accuracies), [1] * 5))
    monkeypatch.setattr(Fit, "_solve", lambda self, phase: self._keep(phase.boundary, 0.9, 0.1, 1.0))
    monkeypatch.setattr(Descent, "step", once)
    _, fitted, _ = fit(STRATEGIES["lp_ft"], Recorder())
    assert failed and (fitted.best.boundary, fitted.best.val_accuracy) == (0, 0.95)


@pytest.mark.parametrize(
    ("after_the_head", "kept"),
    [
        ([0.6, 0.7], None), ([0.85], 0.85), ([0.85, 0.83], 0.83), ([0.6, 0.9, 0.95], 0.95), ([0.6, 1.0, 0.5], None),
        ([0.9, 0.9, 0.9], 0.9), ([0.79, 0.81, 0.79], None),
    ],
)  # fmt: skip
def test_an_epoch_counts_with_the_one_before_it(after_the_head: list[float], kept: float | None) -> None:
    at, best = Position(last_accuracy=0.8), Best(0.8, 0.5, counted=0.8)
    for accuracy in after_the_head:
        if best.beaten_by(counted := at.counts(accuracy), 0.6):
            best = Best(accuracy, 0.6, counted=counted)
    assert best.val_accuracy == (kept or 0.8)


@pytest.mark.parametrize("kind", STRATEGIES)
def test_frozen_stages_do_not_change_and_trained_ones_do(kind: str) -> None:
    strategy = STRATEGIES[kind]
    before = weights(build("mlp", 5, inputs=10, seed=1))
    _, _, backbone = fit(strategy, Recorder())
    lowest = min(phase.boundary for phase in strategy.phases)
    after = weights(backbone)
    for index, name in enumerate(("net.0", "net.1", "head")):
        own = [key for key in before if key.startswith(name)]
        changed = any(not torch.equal(before[key], after[key]) for key in own)
        if index < lowest:
            assert not changed, f"{name} was promised to stay frozen"
        elif index == HEAD:
            assert changed


@pytest.mark.parametrize("kind", STRATEGIES)
def test_a_run_stopped_anywhere_resumes_to_the_same_weights_and_metrics(kind: str) -> None:
    strategy = STRATEGIES[kind]
    whole = Recorder()
    _, _, backbone = fit(strategy, whole)
    final = weights(backbone)
    for stop_after in random.Random(0).sample(range(2, whole.asked), 5):
        first = Recorder(stop_after)
        _, fitted, _ = fit(strategy, first)
        assert fitted.stopped
        second = Recorder()
        _, _, resumed = fit(strategy, second, resume=first.saved)
        assert equal(final, weights(resumed)), f"stopped at check {stop_after}"
        done = first.saved["position"]["rows"] if first.saved else 0
        kept = [row for row in first.epochs if row["epoch"] <= (first.rows[done - 1]["epoch"] if done else -1)]
        if strategy.phases[0].optimizer == "adamw":
            assert kept + second.epochs == whole.epochs


def test_a_stop_keeps_the_best_weights_so_far() -> None:
    context = Recorder(stop_after=60)
    job, fitted, _ = fit(STRATEGIES["scratch"], context)
    assert fitted.stopped
    best = max(context.epochs, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    assert fitted.best.epoch == best["epoch"]
    correct = (job.predict(task().rows["val"]).argmax(1) == task().labels[180:240]).mean()
    assert float(correct) == pytest.approx(best["val_accuracy"])


def test_resuming_gradual_does_not_freeze_again_what_was_thawed() -> None:
    strategy = STRATEGIES["gradual"]
    whole = Recorder()
    fit(strategy, whole)
    first = Recorder(stop_after=whole.asked - 4)  # inside the last phase
    fit(strategy, first)
    assert first.saved is not None and first.saved["position"]["phase"] == 2
    second = Recorder()
    fit(strategy, second, resume=first.saved)
    assert {row["boundary"] for row in second.rows} == {0}


def test_equal_seeds_give_equal_runs_and_other_seeds_do_not() -> None:
    a, b, c = (weights(fit(STRATEGIES["scratch"], Recorder(), seed=seed)[2]) for seed in (1, 1, 2))
    assert equal(a, b) and not equal(a, c)


def test_learning_rates_decay_towards_the_input() -> None:
    context = Recorder()
    fit(STRATEGIES["full"], context)
    peak = [max(row["lrs"][stage] for row in context.rows) for stage in range(3)]
    assert peak[0] == pytest.approx(0.5 * peak[1])
    assert all(row["lrs"][0] == 0 for row in _rows("partial"))


def _rows(kind: str) -> list[dict]:  # type: ignore[type-arg]
    context = Recorder()
    fit(STRATEGIES[kind], context)
    return context.rows


def test_training_loss_and_accuracy_are_means_over_the_images_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    step, seen = Descent.step, [np.zeros(3) for _ in range(6)]

    def watched(self: Descent, rows: Any, at: Any, steps: int) -> tuple[float, float]:
        loss, correct = step(self, rows, at, steps)
        seen[at.epoch] += loss * len(rows), correct, len(rows)
        return loss, correct

    monkeypatch.setattr(Descent, "step", watched)
    context = Recorder()
    fit(replace(STRATEGIES["full"], batch_size=50), context)  # 4 steps of 45 images
    for row, (loss, correct, images) in zip(context.epochs, seen, strict=True):
        assert (row["train_loss"], row["train_accuracy"]) == pytest.approx((loss / images, correct / images))
    assert [row["images"] for row in context.epochs] == [180 * epoch for epoch in range(1, 7)]


@pytest.mark.parametrize(("kind", "epochs"), [("lp_ft", 5), ("gradual", 9), ("full", 6)])
def test_what_a_run_is_doing_counts_epochs_of_descent(kind: str, epochs: int) -> None:
    context = Recorder()
    fit(STRATEGIES[kind], context)
    assert context.doing[-1] == f"Epoch {epochs}.0 of {epochs}"
    solving = [doing for doing in context.doing if doing.startswith("Solving")]
    assert solving == ([f"Solving the head, pass {n} of 30" for n in range(1, 31)] if kind == "lp_ft" else [])


@pytest.mark.parametrize(
    ("phase", "trained"),
    [
        (Phase(2, 1, 1e-3), "head, 85 parameters"),
        (Phase(1, 1, 1e-3, 1e-3), "hidden 2 to head, 613 parameters"),
        (Phase(0, 1, 1e-3, 1e-3, frozen_stages=(1,)), "hidden 1, head, 437 parameters"),
    ],
)
def test_a_phase_says_what_it_trains(phase: Phase, trained: str) -> None:
    context = Recorder()
    fit(Strategy("partial", "mlp", (phase,)), context)
    assert context.events[0] == f"Phase 1 of 1: training {trained}."


def test_a_run_that_is_killed_goes_on_from_the_phase_that_it_was_in() -> None:
    context = Recorder()
    fit(STRATEGIES["gradual"], context)
    assert context.saved is not None and context.saved["position"]["phase"] == 2
    again = Recorder()
    fit(STRATEGIES["gradual"], again, resume=context.saved)
    assert again.epochs == context.epochs[-3:]


def test_a_solver_that_was_stopped_begins_anew_and_publishes_the_same_rows() -> None:
    whole, first, second = Recorder(), Recorder(stop_after=12), Recorder()
    fit(STRATEGIES["linear_probe"], whole)
    fit(STRATEGIES["linear_probe"], first)
    fit(STRATEGIES["linear_probe"], second, resume=first.saved)
    assert len(first.rows) < len(whole.rows) and second.epochs == whole.epochs
    assert [row["row"] for row in second.rows] == list(range(30))


def test_what_is_trained_is_in_training_mode_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after validation, which switches it off."""
    attempt, modes = Descent._attempt, []

    def watched(self: Descent, rows: Any, at: Any, steps: int) -> tuple[float, float]:
        modes.append([stage.training for stage in self._backbone.stage_modules()])
        return attempt(self, rows, at, steps)

    monkeypatch.setattr(Descent, "_attempt", watched)
    fit(replace(STRATEGIES["partial"], lr_range_test=True, judged=20), Recorder())
    assert modes and all(mode == [False, True, True] for mode in modes)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass in steps alone, one each in the first epoch and three in later ones, and ten a validation."""
    now = [0.0]
    attempt, validate = Descent._attempt, Judge.validate

    def step(self: Descent, rows: Any, at: Any, steps: int) -> tuple[float, float]:
        now[0] += 1 if at.epoch == 0 else 3
        return attempt(self, rows, at, steps)

    def judge(self: Judge, boundary: int) -> tuple[float, float, list[int]]:
        now[0] += 10
        return validate(self, boundary)

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(Descent, "_attempt", step)
    monkeypatch.setattr(Judge, "validate", judge)
    return now


@pytest.mark.parametrize(
    ("budget", "epochs", "seconds"),
    [
        (17, 1, 16),  # another step, judging it and the test images would end after 39
        (38, 1.17, 29),  # there is time for one
    ],
)
def test_a_run_ends_where_the_next_step_and_what_follows_would_not_end_in_time(
    clock: list[float], budget: float, epochs: float, seconds: float
) -> None:
    context = Recorder()
    _, fitted, _ = fit(replace(STRATEGIES["full"], phases=(Phase(0, 6, 1e-2, 1e-2, schedule="constant"),)), context,
                       budget_s=budget, spent_s=0.0)  # fmt: skip
    assert (round(fitted.epochs, 2), clock[0]) == (epochs, seconds)


@pytest.mark.parametrize("budget", [30, 40, 70, 95])
def test_a_budget_holds_the_judging_of_the_test_images_too(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, budget: float
) -> None:
    """It ends within 5 % or 3 s of what was asked for, whichever is more."""
    predict = Judge.predict

    def tested(self: Judge, boundary: int, rows: Any) -> torch.Tensor:
        clock[0] += len(rows) / 6
        return predict(self, boundary, rows)

    monkeypatch.setattr(Judge, "predict", tested)
    job, _, _ = fit(STRATEGIES["scratch"], Recorder(), budget_s=budget)
    job.predict(task().rows["test"])
    assert clock[0] <= budget + max(3, 0.05 * budget)


def test_a_busy_moment_while_judging_is_measured_does_not_end_a_run(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds an image in that moment: the test images would take longer than the budget."""
    predict, asked = Judge.predict, []

    def tested(self: Judge, boundary: int, rows: Any) -> torch.Tensor:
        asked.append(len(rows))
        clock[0] += len(rows) * (2 if len(asked) <= 2 else 0.01)
        return predict(self, boundary, rows)

    monkeypatch.setattr(Judge, "predict", tested)
    _, fitted, _ = fit(STRATEGIES["scratch"], Recorder(), budget_s=200)
    assert clock[0] > 0.85 * 200 and fitted.epochs > 2 and len(asked) == 3


def test_a_run_that_the_budget_has_ended_is_not_warned_of_it_any_more(clock: list[float]) -> None:
    context = Recorder()
    fit(STRATEGIES["full"], context, budget_s=17)
    assert "is used up after" in context.events[-1]


def test_epochs_of_a_single_step_are_saved_when_it_is_time(clock: list[float]) -> None:
    """Of 13 s each: every other one, as 20 s have to pass."""
    context = Recorder()
    fit(replace(STRATEGIES["full"], batch_size=180), context)
    assert context.saved is not None and context.saved["position"]["epoch"] == 5


def test_a_run_that_ends_inside_an_epoch_counts_the_part_of_it() -> None:
    _, fitted, _ = fit(STRATEGIES["full"], Recorder(stop_after=10))  # six steps, the epoch's end, three steps
    assert fitted.stopped and fitted.epochs == 1.5


def test_the_budget_ends_a_run_and_says_so() -> None:
    context = Recorder()
    _, fitted, _ = fit(replace(STRATEGIES["scratch"], phases=(Phase(0, 500, 1e-2, 1e-2),)), context, budget_s=1e-3,
                       spent_s=9.0)  # fmt: skip
    assert fitted.finished_early and fitted.epochs < 1
    assert "is used up after" in context.events[-1] and "best weights so far" in context.events[-1]


@pytest.mark.parametrize(("planned", "most"), [(1, 40), (30, 30)])
def test_the_steps_are_fitted_to_the_time_and_a_repetition_makes_the_same(
    clock: list[float], planned: int, most: int
) -> None:
    """Whatever was forecast, the budget is used and the rate is down at its end; without a budget and a clock, as in a
    repetition, the steps that were decided lead to the same weights, and so does an attempt that goes on in between."""
    phase = Phase(0, planned, 1e-2, 1e-2, most_epochs=most)
    strategy = replace(STRATEGIES["full"], phases=(phase,))
    kept, context = Runtime({}), Recorder()
    _, fitted, backbone = fit(strategy, context, budget_s=200, runtime=kept)
    assert 0.85 * 200 <= clock[0] <= 206 and not fitted.finished_early
    assert context.rows[-1]["lrs"][2] < 1e-2 * 1e-2
    assert any("At this machine's pace the budget of 3 min 20 s leaves time for" in text for text in context.events)
    again = Recorder()
    assert equal(weights(backbone), weights(fit(strategy, again, runtime=Runtime(dict(kept.known)))[2]))
    assert again.epochs == context.epochs
    for stop_after in random.Random(0).sample(range(2, again.asked), 4):
        first, second = Recorder(stop_after), Recorder()
        fit(strategy, first, runtime=Runtime(dict(kept.known)))
        _, _, resumed = fit(strategy, second, resume=first.saved, runtime=Runtime(dict(kept.known)))
        assert equal(weights(backbone), weights(resumed))
        seen = {row["epoch"]: row for row in (*first.epochs, *second.epochs)}
        assert list(seen.values()) == context.epochs


def test_a_plan_that_the_clock_has_cut_is_not_called_complete() -> None:
    strategy = STRATEGIES["lp_ft"]
    passes, whole = sum(p.epochs for p in strategy.phases if p.solved), strategy.adam_epochs
    at = Position(phase=len(strategy.phases), earlier=passes + whole, earlier_passes=passes, seconds=22.0)
    telling = Telling(strategy, 3, Recorder(), at)
    for by_head in (True, False):
        assert telling.unused_text(30.0, by_head).startswith("The plan is complete after 22 s of the 30 s")
    at.earlier -= 0.5 * whole
    assert telling.unused_text(30.0, False).startswith("22 s of the 30 s that were given were used: more was kept")
    assert f"were used: {NOT_BEATEN}, so what was kept" in telling.unused_text(30.0, True)


def test_a_run_that_leaves_time_says_that_its_plan_is_complete() -> None:
    context = Recorder()
    fit(STRATEGIES["linear_probe"], context, budget_s=600)
    assert "of the 10 min that were given: by its recipe there is no more to train" in context.events[-1]


def test_a_run_whose_time_was_over_before_it_trained_says_so() -> None:
    context = Recorder()
    fit(STRATEGIES["linear_probe"], context, budget_s=600, spent_s=700)
    assert "11 min 40 s are over before the test images are judged, and 10 min were given" in context.events[-1]


def test_where_the_frozen_pass_takes_longer_than_the_budget_the_head_is_solved_on_what_is_there() -> None:
    """The profile has stored the features that the head reads; those of the stage to be trained are missing."""
    data, context, device = task(), Recorder(), torch.device("cpu")
    backbone = build("mlp", 5, inputs=10, seed=1)
    prefix = PrefixCache(backbone, data, device, "fp32", None)
    strategy = replace(STRATEGIES["partial"], phases=(STRATEGIES["lp_ft"].phases[0], *STRATEGIES["partial"].phases))
    late = {"seed": 3, "device": device, "prefix": prefix, "budget_s": 600.0, "spent_s": 700.0}
    prefix.fill([HEAD], np.arange(300), 0)
    job = Fit(strategy, backbone, data, context, **late)  # type: ignore[arg-type]
    fitted = job.run()
    assert fitted.finished_early and (fitted.best.boundary, fitted.epochs) == (HEAD, 30)
    assert "longer than the 10 min given: only the head is solved, on those that are there" in context.events[0]
    assert len(job.predict(data.rows["test"])) == 60


def test_a_run_says_what_its_budget_took_from_the_plan() -> None:
    context = Recorder()
    strategy = replace(STRATEGIES["full"], phases=(replace(STRATEGIES["full"].phases[0], most_epochs=25),))
    fit(strategy, context, budget_s=600)
    assert context.events[0] == "Planned to end within 10 min: 6 epochs instead of 25, or more as far as time is left."


def test_the_validation_rows_alone_choose_the_best() -> None:
    """Poisoned test labels change nothing: the engine never reads them."""
    clean = weights(fit(STRATEGIES["scratch"], Recorder())[2])
    data = task()
    data.labels[240:] = 0
    assert equal(clean, weights(fit(STRATEGIES["scratch"], Recorder(), data=data)[2]))


def test_contradictions_are_refused_where_they_are_made() -> None:
    with pytest.raises(PlanError, match="a boundary at 5 does not exist"):
        fit(Strategy("partial", "mlp", (Phase(5, 1, 1e-3),)), Recorder())
    with pytest.raises(PlanError, match="solves the head alone"):
        fit(Strategy("linear_probe", "mlp", (Phase(0, 1, 0.0, optimizer="lbfgs"),)), Recorder())
    with pytest.raises(PlanError, match="boundaries must not rise"):
        Strategy("gradual", "mlp", (Phase(1, 1, 1e-3), Phase(2, 1, 1e-3)))
    with pytest.raises(PlanError, match="no strategy called 'magic'"):
        Strategy("magic", "mlp", (Phase(0, 1, 1e-3),))  # type: ignore[arg-type]
    assert set(STRATEGIES) <= set(KINDS)


def test_published_learning_rates_follow_the_schedule_without_jumps() -> None:
    """Rows within an epoch and rows that end one lie on the same curve: up once, down once."""
    context = Recorder()
    fit(STRATEGIES["scratch"], context)
    rates = [row["lrs"][2] for row in context.rows]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 0.01 * max(rates)
