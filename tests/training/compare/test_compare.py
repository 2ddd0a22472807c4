import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import CompareError, NotFound
from core.plans import Kind, Phase, RunConfig, Strategy, to_json
from core.zoo.catalog import STRATEGIES
from training.compare.comparison import Comparison, compare
from training.compare.seeds import FINE_TUNED
from training.evaluation.stats import flips, paired_p
from training.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def config(kind: Kind = "linear_probe", **changes: Any) -> RunConfig:
    boundary = {"linear_probe": 8, "partial": 6}.get(kind, 0)
    strategy = Strategy(kind, "efficientnet_lite0", (Phase(boundary, 2, 1e-3),), pretrained=kind != "scratch")
    return RunConfig(**{"dataset_id": "d", "strategy": strategy, **changes})


def run(store: Store, plan: RunConfig, correct: Sequence[int] | None = None, **result: Any) -> str:
    """A finished run; `correct` holds one 0 or 1 per test image."""
    job = store.create_job("train", plan.dataset_id, to_json(plan), group=plan.group)
    assert store.claim_next() is not None
    if correct is not None:
        path = store.home / "runs" / job.id / "test_predictions.csv"
        path.parent.mkdir(parents=True)
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["path", "label", "predicted", "confidence"])
            table.writerows([f"{i}.png", 1, 1 if right else 0, 0.9] for i, right in enumerate(correct))
        result = {
            "test_accuracy": sum(correct) / len(correct), "test_correct": sum(correct),
            "test_total": len(correct), "predictions": str(path.relative_to(store.home)), **result,
        }  # fmt: skip
    store.finish(store.job(job.id), result)
    return job.id


def adapted(store: Store, kind: Any, source: int, target: int, of: int = 200, **changes: Any) -> str:
    """A finished run with a target: `source` and `target` right answers of `of` on either one's test images."""
    align = "none" if kind == "source_only" else kind
    strategy = Strategy(kind, "efficientnet_lite0", (Phase(0, 2, 1e-3),), align=align)
    plan = RunConfig("d", strategy, **{"target_id": "t", **changes})
    path = store.home / f"{kind}{changes.get('seed', 0)}.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "predicted", "confidence"])
        table.writerows([f"t{i}.png", 1, int(i < target), 0.9] for i in range(of))
    judged = {"target_accuracy": target / of, "target_correct": target, "target_total": of,
              "target_predictions": str(path.relative_to(store.home))}  # fmt: skip
    return run(store, plan, answers(source, of), **(judged if target >= 0 else {}))


def answers(right: int, of: int, *, first: int = 0) -> list[int]:
    """`right` correct answers of `of`, beginning at image `first`."""
    return [1 if first <= i < first + right else 0 for i in range(of)]


def verdicts(comparison: Comparison) -> list[str]:
    return [pair.verdict for pair in comparison.pairs]


# -- what may be said ----------------------------------------------------------


def test_a_planted_difference_of_5_points_on_400_images_is_found(store: Store) -> None:
    a = run(store, config("linear_probe"), answers(360, 400))
    b = run(store, config("partial"), answers(380, 400))
    comparison = compare(store, [a, b])
    (pair,) = comparison.pairs
    assert pair.verdict == "worse"
    assert pair.p is not None
    assert pair.p < 1e-3
    assert pair.difference == pytest.approx(-0.05)
    assert comparison.verdict == (
        "Partial fine-tuning (95% (92-97)) is better than Linear probe (90% (87-93))"
        " (McNemar's test on the same 400 test images, with room for the luck of a seed)."
    )


def test_a_higher_number_alone_is_never_better(store: Store) -> None:
    a = run(store, config("linear_probe"), answers(360, 400))
    b = run(store, config("partial"), answers(364, 400))  # one point more, 4 images
    comparison = compare(store, [a, b])
    assert verdicts(comparison) == ["no difference shown"]
    assert "better" not in comparison.verdict
    assert comparison.verdict.startswith(
        "No difference shown: 400 test images cannot tell these runs apart (McNemar"
    )


def test_many_pairs_are_corrected_for(store: Store) -> None:
    # 7 images only one way: enough for the pair alone, not among three.
    low, high = answers(90, 100), answers(97, 100)
    a, b = run(store, config("linear_probe"), low), run(store, config("partial"), high)
    assert verdicts(compare(store, [a, b])) == ["worse"]
    c = run(store, config("full"), low)
    comparison = compare(store, [a, b, c])
    assert verdicts(comparison) == ["no difference shown"] * 3
    assert comparison.pairs[0].p == pytest.approx(paired_p(0, 7, 2 * FINE_TUNED))
    assert comparison.pairs[0].p_adjusted == pytest.approx(3 * comparison.pairs[0].p)
    assert "Holm's correction for 3 pairs" in comparison.verdict


def test_the_verdict_names_who_is_better_and_what_stays_open(store: Store) -> None:
    probe = run(store, config("linear_probe"), answers(300, 400))
    partial = run(store, config("partial"), answers(380, 400))
    full = run(store, config("full"), answers(378, 400))
    comparison = compare(store, [probe, partial, full])
    assert comparison.verdict == (
        "Partial fine-tuning (95% (92-97)) is better than Linear probe (75% (71-79));"
        " no difference shown between Partial fine-tuning and Full fine-tuning"
        " (McNemar's test on the same 400 test images, with room for the luck of a seed,"
        " Holm's correction for 3 pairs)."
    )


def test_of_equals_the_cheaper_one_is_named(store: Store) -> None:
    probe = run(store, config("linear_probe"), answers(380, 400))
    partial = run(store, config("partial"), answers(380, 400))
    scratch = run(store, config("scratch"), answers(200, 400))
    verdict = compare(store, [scratch, partial, probe]).verdict
    assert verdict.startswith("Linear probe (95% (92-97)) is better than From scratch")
    assert "no difference shown between Linear probe and Partial fine-tuning" in verdict


def test_what_a_run_notes_of_its_result_is_said_under_its_label(store: Store) -> None:
    kept = "The weights kept are the solved head's: no epoch after it did better on validation."
    probe = run(store, config("linear_probe"), answers(9, 10), note="")
    partial = run(store, config("partial"), answers(9, 10), note=kept)
    again = run(store, config("partial", seed=1), answers(9, 10), note=kept)
    assert compare(store, [probe, partial]).notes == (f"Partial fine-tuning: {kept}",)
    assert compare(store, [partial, again]).notes == (
        f"Partial fine-tuning · seed 0: {kept}", f"Partial fine-tuning · seed 1: {kept}"
    )  # fmt: skip


def test_no_word_about_runs_without_test_answers(store: Store) -> None:
    a = run(store, config("linear_probe"), answers(9, 10))
    waiting = store.create_job("train", "d", to_json(config("partial"))).id
    comparison = compare(store, [a, waiting])
    assert verdicts(comparison) == ["not tested"]
    assert comparison.verdict.startswith("Nothing is compared yet")
    assert comparison.notes == ("Still to come: Partial fine-tuning.",)
    assert comparison.rows[1].test_accuracy is None


@pytest.mark.parametrize(
    "damage", ["", "path,label\n1,2\n", "path,label,predicted,confidence\n0.png,1,1,1\n"]
)
def test_answers_that_cannot_be_read_leave_a_pair_untested(store: Store, damage: str) -> None:
    a = run(store, config("linear_probe"), answers(9, 10))
    b = run(store, config("partial"), answers(5, 10))
    (store.home / "runs" / b / "test_predictions.csv").write_text(damage)
    comparison = compare(store, [a, b])
    assert verdicts(comparison) == ["not tested"]
    assert comparison.notes == (
        "Not tested, because the answers on the test images cannot be read: Partial fine-tuning.",
    )


# -- the same conditions -------------------------------------------------------


def test_runs_of_another_dataset_or_split_are_refused_by_name(store: Store) -> None:
    a = run(store, config())
    b = run(store, config(dataset_id="other"))
    c = run(store, config(split_seed=7))
    with pytest.raises(
        CompareError, match=rf"'{a}' and '{b}' cannot be compared: their dataset differs \(d and other\)"
    ):
        compare(store, [a, b])
    with pytest.raises(CompareError, match=r"their split seed differs \(0 and 7\)"):
        compare(store, [a, c])


def test_other_test_images_are_refused(store: Store) -> None:
    a = run(store, config(), answers(9, 10))
    b = run(store, config(seed=1), answers(9, 10))
    path = store.home / "runs" / b / "test_predictions.csv"
    path.write_text(path.read_text().replace("0.png", "x.png"))
    with pytest.raises(CompareError, match="their test images differ"):
        compare(store, [a, b])


def test_what_is_no_run_is_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="no run 'nope'"):
        compare(store, ["nope"])
    with pytest.raises(CompareError, match="Choose at least one run"):
        compare(store, [])
    profile = store.create_job("profile", "d", {})
    with pytest.raises(CompareError, match=f"Job '{profile.id}' is a profile"):
        compare(store, [profile.id])


def test_unequal_budgets_and_devices_are_noted(store: Store) -> None:
    a = run(store, config(minutes=2.0), answers(9, 10), device="CPU, 2 cores")
    b = run(store, config("partial", minutes=10.0), answers(9, 10), device="NVIDIA H200")
    c = run(store, config("full"), answers(9, 10), device="CPU, 2 cores")
    notes = compare(store, [a, b, c]).notes
    assert notes[0].startswith("Time budgets differ (2 min, 10 min and no limit)")
    assert notes[1].startswith("Trained on different devices (CPU, 2 cores and NVIDIA H200)")
    assert compare(store, [a]).notes == ()


# -- the table -----------------------------------------------------------------


def test_rows_stand_in_the_catalogue_order(store: Store) -> None:
    kinds: list[Kind] = ["scratch", "full", "linear_probe", "partial"]
    ids = [run(store, config(kind)) for kind in kinds]
    order = [row.kind for row in compare(store, ids).rows]
    assert order == [kind for kind in STRATEGIES if kind in kinds]


def test_a_row_is_read_from_result_and_curves(store: Store) -> None:
    job = store.create_job("train", "d", to_json(config(seed=5)))
    store.claim_next()
    for i, (epoch, train, val) in enumerate(
        [(0.5, None, None), (1.0, 0.5, 0.6), (2.0, 0.8, 0.85), (2.5, None, None), (3.0, 0.95, 0.9)]
    ):
        store.add_metrics(
            store.job(job.id), i, {"epoch": epoch, "seconds": 4 * epoch, "train_accuracy": train, "val_accuracy": val}
        )
    (row,) = compare(store, [job.id]).rows
    assert (row.state, row.epochs, row.val_accuracy, row.test_accuracy) == ("running", 3, 0.9, None)
    store.finish(
        store.job(job.id),
        {"test_correct": 18, "test_total": 20, "val_accuracy": 0.85, "best_epoch": 2.0, "seconds": 12.0,
         "epochs": 3, "trainable_params": 1281, "peak_memory_bytes": 5 << 20},
    )  # fmt: skip
    (row,) = compare(store, [job.id]).rows
    assert row.test_accuracy is not None
    assert (row.test_accuracy.value, round(row.test_accuracy.low, 3)) == (0.9, 0.699)
    assert (row.seed, row.seconds, row.epochs, row.trainable_params) == (5, 12.0, 3, 1281)
    assert row.peak_memory_bytes == 5 << 20
    assert (row.epochs_to_90, row.seconds_to_90) == (2.0, 8.0)  # 0.85 is the first of at least 0.9 * 0.9
    assert row.generalisation_gap == pytest.approx(0.8 - 0.85)


def test_a_run_that_has_not_begun_has_unknowns_not_zeros(store: Store) -> None:
    job = store.create_job("train", "d", to_json(config()))
    (row,) = compare(store, [job.id]).rows
    assert (row.epochs, row.epochs_to_90, row.generalisation_gap, row.val_accuracy) == (None, None, None, None)


def test_labels_tell_runs_of_one_strategy_apart(store: Store) -> None:
    a, b = run(store, config(seed=0)), run(store, config(seed=1))
    c, d = run(store, config("partial")), run(store, config("partial"))
    labels = {row.run_id: row.label for row in compare(store, [a, b, c, d]).rows}
    assert labels[a] == "Linear probe · seed 0"
    assert labels[b] == "Linear probe · seed 1"
    assert labels[c] == f"Partial fine-tuning · {c}"


def test_only_settings_that_differ_are_listed(store: Store) -> None:
    a, b = run(store, config(seed=0, group="x")), run(store, config(seed=1, group="y"))
    assert compare(store, [a, b]).differs == {"seed": {a: "0", b: "1"}}
    c = run(store, config("partial"))
    assert compare(store, [a, c]).differs["phases"] == {
        a: "boundary 8, 2 epochs", c: "boundary 6, 2 epochs"
    }  # fmt: skip


def test_the_same_run_twice_counts_once(store: Store) -> None:
    a = run(store, config(), answers(9, 10))
    comparison = compare(store, [a, a])
    assert len(comparison.rows) == 1
    assert comparison.pairs == ()


# -- several seeds ---------------------------------------------------------------


def spread_answers(rights: Sequence[int], of: int = 400) -> list[list[int]]:
    """One list of answers per seed, that many right; which images are hard is shared, the rest is luck."""
    source = np.random.default_rng(0)
    hardness = source.normal(size=of)
    lists = []
    for right in rights:
        easiest = np.argsort(hardness + 0.3 * source.normal(size=of))[:right]
        lists.append([int(i in set(easiest.tolist())) for i in range(of)])
    return lists


def test_seeds_of_one_strategy_are_one_line_with_mean_and_spread(store: Store) -> None:
    a = [run(store, config(seed=i), given) for i, given in enumerate(spread_answers([300, 304, 308]))]
    b = [run(store, config("partial", seed=i), given) for i, given in enumerate(spread_answers([360, 364, 362]))]
    comparison = compare(store, [*a, *b])
    assert [group.label for group in comparison.groups] == ["Linear probe · 3 seeds", "Partial fine-tuning · 3 seeds"]
    probe = comparison.groups[0]
    assert probe.runs == tuple(a)
    assert probe.accuracy is not None and probe.accuracy.value == pytest.approx(0.76)
    assert probe.spread == pytest.approx(0.01)
    assert "mean of 3 seeds" in probe.accuracy.how
    assert len(comparison.pairs) == 15
    (contest,) = comparison.contests
    assert contest.verdict == "worse"
    assert comparison.verdict.startswith("Partial fine-tuning · 3 seeds (90%")
    assert "t-test over seeds and the same 400 test images" in comparison.verdict


def test_seeds_that_spread_widely_show_no_difference(store: Store) -> None:
    a = [run(store, config(seed=i), given) for i, given in enumerate(spread_answers([300, 340, 320]))]
    b = [run(store, config("partial", seed=i), given) for i, given in enumerate(spread_answers([325, 350, 336]))]
    comparison = compare(store, [*a, *b])
    assert comparison.contests[0].verdict == "no difference shown"
    assert "cannot tell these strategies apart" in comparison.verdict


def test_one_strategy_under_many_seeds_is_never_called_better_than_itself(store: Store) -> None:
    a = [run(store, config(seed=i), given) for i, given in enumerate(spread_answers([300, 340, 320, 330]))]
    comparison = compare(store, a)
    assert comparison.verdict == "One strategy under 4 seeds: there is nothing to compare it with yet."
    assert comparison.contests == ()


def test_seeds_that_were_not_chosen_say_how_much_luck_is_possible(store: Store) -> None:
    spread = [run(store, config(seed=i), given) for i, given in enumerate(spread_answers([300, 345, 310, 335]))]
    pair = compare(store, spread[:2]).pairs[0]
    right = [np.array(given, dtype=bool) for given in spread_answers([300, 345, 310, 335])]
    assert pair.p is not None
    assert pair.p > paired_p(*flips(right[0], right[1]), 2 * FINE_TUNED)
    assert pair.verdict == "no difference shown"


def test_the_same_seed_twice_is_no_second_look_at_seeds(store: Store) -> None:
    a = [run(store, config(), answers(300, 400)) for _ in range(2)]
    assert len(compare(store, a).groups) == 2


# -- two domains -----------------------------------------------------------------------------------------------------


def test_runs_adapted_to_one_target_are_compared_on_the_target(store: Store) -> None:
    """The one that is better on its own images is the worse one where it will be used."""
    base = adapted(store, "source_only", 190, 120)
    aligned = adapted(store, "mmd", 170, 160)
    comparison = compare(store, [base, aligned])
    assert comparison.target == "t" and comparison.side == "target"
    accuracy = {row.kind: row.test_accuracy.value for row in comparison.rows if row.test_accuracy}
    assert accuracy == {"source_only": 0.6, "mmd": 0.8}
    source = {row.kind: row.source_accuracy.value for row in comparison.rows if row.source_accuracy}
    assert source == {"source_only": 0.95, "mmd": 0.85}
    assert all(row.scores is not None and row.scores.accuracy == row.test_accuracy for row in comparison.rows)
    assert comparison.verdict.startswith("Aligned by MMD (80% (74-85)) is better than Source only (60% (53-67))")
    assert "the same 200 test images of the target" in comparison.verdict
    assert "whose labels trained nothing" in comparison.notes[0]


def test_source_and_target_are_never_mixed(store: Store) -> None:
    aligned = adapted(store, "mmd", 170, 160)
    plain = run(store, config("partial"), answers(190, 200))
    comparison = compare(store, [aligned, plain])
    assert comparison.target == ""
    assert [row.test_accuracy.value for row in comparison.rows if row.test_accuracy] == [0.95, 0.85]
    assert "Compared on the source's test images: Partial fine-tuning has no answers on a target" in comparison.notes[0]


def test_different_targets_and_targets_without_labels_are_named(store: Store) -> None:
    one = adapted(store, "source_only", 190, 120)
    other = adapted(store, "mmd", 170, 160, target_id="u")
    said = compare(store, [one, other])
    assert said.target == "" and "adapted to different targets (t and u)" in said.notes[0]
    assert said.differs["target"] == {one: "t", other: "u"}
    blind = adapted(store, "dann", 170, -1)
    said = compare(store, [one, blind])
    assert said.target == ""
    assert "the target of Aligned by an adversary has no test image with a label" in said.notes[0]


def test_the_same_strategy_on_other_targets_is_no_second_seed(store: Store) -> None:
    runs = [adapted(store, "mmd", 170, 160, seed=seed, target_id=target) for seed, target in ((0, "t"), (1, "u"))]
    assert [len(group.runs) for group in compare(store, runs).groups] == [1, 1]


# -- what would settle it ----------------------------------------------------------------------------------------------


def test_no_difference_shown_says_how_many_seeds_would_show_one(store: Store) -> None:
    a = run(store, config("partial"), answers(360, 400))
    b = run(store, config("full"), answers(364, 400, first=10))
    comparison = compare(store, [a, b])
    assert comparison.settles == "With 2 seeds of each, a difference of 5 points would most likely show."


def test_seeds_enough_say_that_a_difference_would_have_shown(store: Store) -> None:
    runs = []
    for kind, right in (("partial", (360, 361, 359)), ("full", (361, 360, 362))):
        for seed, given in enumerate(spread_answers(right)):
            runs.append(run(store, config(kind, seed=seed), given))
    assert compare(store, runs).settles == "A difference of 5 points would most likely have shown."


def test_too_few_images_are_not_blamed_on_seeds(store: Store) -> None:
    a = run(store, config("partial"), answers(30, 40))
    b = run(store, config("full"), answers(29, 40, first=3))
    assert compare(store, [a, b]).settles == (
        "Too few images to show a difference of 5 points here, even with 10 seeds of each: 40 test images."
    )


def test_a_shown_difference_needs_no_more_seeds(store: Store) -> None:
    runs = [run(store, config("linear_probe"), answers(300, 400)), run(store, config("partial"), answers(380, 400))]
    assert compare(store, runs).settles == ""
