"""The notebook's closing observations are held against numbers, not printed whatever they are."""

from __future__ import annotations

from training.playground.claims import check
from training.playground.settings import ARMS, Arm, ArmResult

CHANCE = 0.2


def results(finals: dict[Arm, float], first: dict[Arm, int]) -> dict[Arm, ArmResult]:
    """Three equal seeds: each arm reaches its final accuracy at one epoch of ten."""
    found = {}
    for arm in ARMS:
        curve = tuple(finals[arm] if epoch >= first[arm] else CHANCE for epoch in range(1, 11))
        found[arm] = ArmResult(arm, ((1.0,) * 10,) * 3, (curve,) * 3, (curve,) * 3)
    return found


def test_claims_hold_where_the_numbers_say_so() -> None:
    finals: dict[Arm, float] = dict.fromkeys(ARMS, 0.9)
    first: dict[Arm, int] = dict.fromkeys(ARMS, 2)
    claims = check(results({**finals, "scratch": 0.6}, {**first, "scratch": 6}))
    assert all(claim.holds for claim in claims)
    assert claims[0].measured == "5 of 5 are shown above scratch (60.0%), 0 below."


def test_claims_fail_where_the_numbers_say_so() -> None:
    finals: dict[Arm, float] = dict.fromkeys(ARMS, 0.99)
    first: dict[Arm, int] = dict.fromkeys(ARMS, 3)
    claims = check(results({**finals, "full": 0.9, "frozen": 0.7}, {**first, "full": 9, "scratch": 1}))
    assert [claim.holds for claim in claims] == [False, False, False, True, False]
    assert claims[0].measured == "0 of 5 are shown above scratch (99.0%), 2 below."
    assert "full fine-tuning takes 9 epochs" in claims[4].measured and "scratch (1 epoch)" in claims[4].measured
