"""Everything that advice says about a dataset as one JSON document, with units in the keys. Pure formatting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from advisor.advice import Learned, further, gap_percent, similarity
from core import Candidate, DatasetFacts, Estimate, Recommendation, fit_curve, to_json
from core.zoo import backbone
from training.record import Kept, as_document, standing


def advice_document(
    facts: DatasetFacts,
    advice: Recommendation,
    learned: Learned | None,
    *,
    minutes: float,
    set_by_hand: str | None = None,
    others: Sequence[DatasetFacts] = (),
    record: Sequence[Kept] = (),
    second_domain: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """others: facts of this dataset with every backbone measured. record: finished runs with their forecasts.
    second_domain: of `second_domain.about`."""
    card, gap = backbone(facts.backbone), gap_percent(facts, learned)
    return {
        "dataset_id": facts.dataset_id,
        "backbone": facts.backbone,
        "budget_minutes": minutes,
        "similarity": {"used": advice.similarity, "measured": similarity(gap), "set_by_hand": set_by_hand},
        "measured": panel(facts, gap),
        "recommendation": {
            **candidate(advice.best),
            "runner_up": advice.alternatives[0].strategy.kind if advice.alternatives else None,
            "confidence": advice.confidence,
            "within_noise": list(advice.within_noise),
            "path": [to_json(step) for step in advice.answers[0].path],
            "affordable_epochs": advice.affordable_epochs,
        },
        "strategies": [candidate(one) for one in (advice.best, *advice.alternatives)],
        "rulebooks": [
            {"name": a.rulebook, "strategy": a.kind, "says": a.says, "source": a.source} for a in advice.answers
        ],
        "also": {
            "more_labels": further.more_labels(facts, advice),
            "backbones": further.backbones(others, facts.backbone),
            "augmentation": further.augmentation(advice.best, facts.classes),
            "no_transfer": further.no_transfer(facts, card),
            "pitfalls": further.pitfalls(facts, advice),
        },
        "second_domain": second_domain,
        "evidence": None
        if learned is None
        else {"runs": learned.runs, "sets": len(learned.sets), "own_runs": learned.local_runs},
        "record": {**to_json(standing(record)), "last_runs": [as_document(one) for one in record[-10:]]},
        **to_json(advice),
    }


def panel(facts: DatasetFacts, gap: float | None) -> dict[str, Any]:
    """What was measured. None = not measured."""
    curve = fit_curve(facts.data_curve)
    last = facts.data_curve[-1].images if facts.data_curve else 0
    return {
        "train_images": facts.train_images,
        "test_images": facts.test_images,
        "images_per_class": facts.train_images / max(1, len(facts.classes)),
        "chance_balanced_accuracy_fraction": facts.chance,
        "ready_made_balanced_accuracy_fraction": _estimate(facts.ready_made),
        "ready_made_plain_accuracy_fraction": _estimate(facts.probe_accuracy),
        "domain_gap_percentile_0_100": gap,
        "domain_gap_nats_per_channel": facts.domain_gap.raw if facts.domain_gap else None,
        "domain_gap_nats_per_channel_by_stage": list(facts.domain_gap.stages) if facts.domain_gap else None,
        "depth_gap_accuracy_fraction": _estimate(facts.depth_gap),
        "data_curve": [
            {"images": p.images, "balanced_accuracy_fraction": p.value, "low": p.low, "high": p.high}
            for p in facts.data_curve
        ],
        "data_curve_continued": []
        if curve is None
        else [{"images": last * k, "balanced_accuracy_fraction": curve.accuracy(last * k)} for k in (2, 4)],
        "logme_nats_per_image": facts.logme,
        "decode_seconds_per_image": facts.decode_s,
        "forward_images_per_second": facts.forward_images_per_s,
        "training_images_per_second": facts.train_images_per_s,
        "profile_seconds": facts.seconds,
    }


def candidate(one: Candidate) -> dict[str, Any]:
    return {
        "strategy": one.strategy.kind,
        "forecast_accuracy_fraction": one.accuracy.value if one.accuracy else None,
        "forecast_accuracy_low_fraction": one.accuracy.low if one.accuracy else None,
        "forecast_accuracy_high_fraction": one.accuracy.high if one.accuracy else None,
        "forecast_how": one.accuracy.how if one.accuracy else "",
        "eta_seconds": one.seconds,
        "peak_memory_bytes": one.memory_bytes,
        "fits_budget": one.fits,
        "epochs": one.strategy.adam_epochs,
        "trainable_parameters": one.trainable_params,
    }


def _estimate(value: Estimate | None) -> dict[str, Any] | None:
    return None if value is None else {"value": value.value, "low": value.low, "high": value.high, "how": value.how}
