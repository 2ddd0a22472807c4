"""What is wrong with a dataset, as findings with remedies."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from dataset.audit.feature_check import FeatureCheck, Shift
    from dataset.audit.findings import AuditReport, Finding, Remedy, Shown
    from dataset.audit.report import audit
else:
    __getattr__ = door(__name__)

__all__ = [
    "AuditReport",
    "FeatureCheck",
    "Finding",
    "Remedy",
    "Shift",
    "Shown",
    "audit",
]
