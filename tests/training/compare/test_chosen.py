"""Which runs are compared where nobody chose any, and which of thousands."""

from __future__ import annotations

import pytest

from core.plans import to_json
from tests.training.compare.test_compare import answers, config, run, store
from training.compare import chosen
from training.compare.chosen import beside, usual
from training.compare.comparison import compare
from training.store.store import Store

__all__ = ["store"]


def newest_first(store: Store) -> list[str]:
    return usual(store.jobs(kind="train"))


def test_the_newest_set_and_what_came_after_it_is_meant(store: Store) -> None:
    run(store, config(group="set-1"), answers(9, 10))
    run(store, config(), answers(9, 10))
    mine = [run(store, config(seed=seed, group="set-2"), answers(9, 10)) for seed in range(2)]
    after = run(store, config("partial"), answers(9, 10))
    store.create_job("train", "d", to_json(config("full")))  # without a result there is nothing to compare
    assert newest_first(store) == [*mine, after]


def test_without_a_set_it_is_the_newest_single_runs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "MOST_ALONE", 3)
    runs = [run(store, config(seed=seed), answers(9, 10)) for seed in range(5)]
    assert newest_first(store) == runs[2:]


def test_a_run_is_seen_beside_its_own_set(store: Store) -> None:
    mine = [run(store, config(seed=seed, group="set-1"), answers(9, 10)) for seed in range(2)]
    alone = run(store, config("partial"), answers(9, 10))
    others = [run(store, config(seed=seed, group="set-2"), answers(9, 10)) for seed in range(2)]
    jobs = store.jobs(kind="train")
    assert beside(store.job(mine[0]), jobs) == mine
    assert beside(store.job(alone), jobs) == [*others, alone]


def test_of_very_many_the_most_accurate_plans_are_compared_and_the_tests_allow_for_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen, "MOST_GROUPS", 2)
    monkeypatch.setattr(chosen, "MOST_RUNS", 6)
    runs = [
        run(store, config("partial", minutes=float(plan), seed=seed), answers(300 + 4 * plan + seed, 400))
        for plan in range(1, 7)
        for seed in range(3)
    ]
    scratch = run(store, config("scratch"), answers(100, 400))
    comparison = compare(store, [*runs, scratch])
    assert {row.run_id for row in comparison.rows} == {*runs[12:14], *runs[15:17], scratch}
    assert comparison.notes[0] == (
        "Of 19 runs chosen, 5 are compared: of 7 plans the 3 most accurate, and those of each strategy; of each plan "
        "at most 2 seeds, the first ones. The tests allow for all 21 pairs of them."
    )
    assert "Holm's correction for 21 pairs" in comparison.verdict
    (pair,) = [one for one in comparison.contests if "scratch" not in (one.a + one.b).lower()]
    assert pair.p is not None and pair.p_adjusted is not None and pair.p_adjusted >= min(1.0, 19 * pair.p)


def test_a_choice_of_usual_size_is_compared_whole(store: Store) -> None:
    runs = [run(store, config(minutes=float(plan)), answers(9, 10)) for plan in range(1, 41)]
    comparison = compare(store, runs)
    assert len(comparison.rows) == 40 and len(comparison.pairs) == 780
    assert not any("are compared" in note for note in comparison.notes)
