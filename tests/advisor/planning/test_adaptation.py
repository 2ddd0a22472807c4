"""Plans for two domains: three that differ in the alignment alone, checked by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.planning.options import Options
from advisor.planning.strategies import PLANNED
from advisor.planning.two_domains import likely_to_hurt, plan_adaptation, shares_apart
from core.errors import PlanError
from core.plans import ADAPTING, KINDS, RunConfig, run_config_from_json, to_json
from core.types import DatasetRef
from core.zoo.catalog import STRATEGIES, backbone

CARD = backbone("efficientnet_lite0")


def test_the_three_differ_in_the_alignment_alone() -> None:
    plans = [plan_adaptation(kind, CARD, train_images=500, classes=5) for kind in ADAPTING]
    assert [plan.align for plan in plans] == ["none", "mmd", "dann"]
    plain = {replace(plan, kind="source_only", align="none", align_weight=0.0) for plan in plans}
    assert len(plain) == 1
    assert all(plan.keeps_last for plan in plans)


def test_what_is_set_by_hand_is_kept() -> None:
    sgd = plan_adaptation("mmd", CARD, train_images=500, classes=5, options=Options(optimizer="sgd")).phases[-1]
    usual = plan_adaptation("mmd", CARD, train_images=500, classes=5).phases[-1]
    assert (sgd.momentum, sgd.lr_stage) == (0.9, 10 * usual.lr_stage)
    by_hand = Options(views=0, trained_stages=3, epochs=7)
    plan = plan_adaptation("mmd", CARD, train_images=500, classes=5, options=by_hand)
    assert (plan.views, plan.phases[-1].boundary, plan.phases[-1].epochs) == (0, CARD.head - 3, 7)


def test_contradictions_are_said() -> None:
    with pytest.raises(PlanError, match="'dann' solves a linear head first; one with a hidden layer cannot be solved"):
        plan_adaptation("dann", CARD, train_images=500, classes=5, options=Options(head="hidden"))
    with pytest.raises(PlanError, match="'full' does not adapt to a second domain; choose one of source_only, mmd"):
        plan_adaptation("full", CARD, train_images=500, classes=5)
    with pytest.raises(PlanError, match="Mixup and the range test look at one domain"):
        plan_adaptation("mmd", CARD, train_images=500, classes=5, options=Options(mixup=0.2))


def test_a_run_with_a_target_reads_back_and_older_runs_without_one_too() -> None:
    plan = plan_adaptation("dann", CARD, train_images=500, classes=5)
    config = RunConfig("a" * 16, plan, target_id="b" * 16, from_run="abcd1234", per_class=5)
    assert run_config_from_json(to_json(config)) == config
    old = dict(to_json(RunConfig("a" * 16, replace(plan, kind="source_only", align="none"))))
    for name in ("target_id", "from_run", "per_class"):
        del old[name]
    assert run_config_from_json(old).target_id == ""


def test_the_kinds_of_two_domains_have_a_look_of_their_own_and_are_planned_apart() -> None:
    assert not set(ADAPTING) & set(PLANNED) and set(ADAPTING) | set(PLANNED) == set(KINDS)
    looks = [(STRATEGIES[kind].colour, STRATEGIES[kind].marker) for kind in KINDS]
    assert len(set(looks)) == len({marker for _, marker in looks}) == len(KINDS)


def test_other_shares_of_the_classes_are_told_before_anything_is_aligned() -> None:
    def ref(
        name: str, counts: tuple[int, ...], classes: tuple[str, ...] = ("dog", "house"), bare: int = 0
    ) -> DatasetRef:
        return DatasetRef("a" * 16, name, "/", classes, {"": counts}, source="x", created=0.0, unlabelled=bare)

    photos = ref("photos", (50, 50))
    assert shares_apart(photos, ref("sketches", (30, 30))) == 0
    apart = shares_apart(photos, ref("sketches", (5, 45), ("house", "dog")))  # by name, whatever the order
    assert apart == pytest.approx(0.4)
    assert "40% of the images would have to be of another class" in (likely_to_hurt(apart) or "")
    assert likely_to_hurt(0.1) is None
    assert shares_apart(photos, ref("sketches", (5, 45), bare=3)) is None and likely_to_hurt(None) is None
