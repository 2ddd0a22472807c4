"""Kind, backbone and budget become a `Strategy`; what it costs in seconds and bytes."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from advisor.planning.augmenting import AUGMENTED, augmentation_caution, augmentation_remarks
    from advisor.planning.costs import (
        LOADING_S,
        PROFILED_STAGES,
        VAL_SHARE,
        Sizes,
        affordable_epochs,
        estimate_seconds,
        phase_seconds,
        within,
    )
    from advisor.planning.memory import fit_batch, fits, forecast_bytes, memory_for
    from advisor.planning.options import DESCENDING, Options, Unfreeze
    from advisor.planning.strategies import PLANNED, plan
    from advisor.planning.trained import lowest_boundary, stage_lrs, state_at, trainable_params, trains_all
    from advisor.planning.two_domains import check_domains, gap_words, likely_to_hurt, plan_adaptation, shares_apart
else:
    __getattr__ = door(__name__)

__all__ = [
    "AUGMENTED",
    "DESCENDING",
    "LOADING_S",
    "PLANNED",
    "PROFILED_STAGES",
    "VAL_SHARE",
    "Options",
    "Sizes",
    "Unfreeze",
    "affordable_epochs",
    "augmentation_caution",
    "augmentation_remarks",
    "check_domains",
    "estimate_seconds",
    "fit_batch",
    "fits",
    "forecast_bytes",
    "gap_words",
    "likely_to_hurt",
    "lowest_boundary",
    "memory_for",
    "phase_seconds",
    "plan",
    "plan_adaptation",
    "shares_apart",
    "stage_lrs",
    "state_at",
    "trainable_params",
    "trains_all",
    "within",
]
