"""The truth on disk: jobs and their states, metrics, events, facts."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.store.database import LANES, PATIENT_SECONDS, Lane
    from training.store.lineage import in_words
    from training.store.records import KEEPING, METRICS, MOST_NAME, MOST_NOTE, Job, Label
    from training.store.run_folder import RunFolder
    from training.store.run_notes import DomainMap, FewShot, Point, RangeTest, Shot
    from training.store.run_result import AddedClass, Extended, RunResult, Side, Stage
    from training.store.store import Store
else:
    __getattr__ = door(__name__)

__all__ = [
    "KEEPING",
    "LANES",
    "METRICS",
    "MOST_NAME",
    "MOST_NOTE",
    "PATIENT_SECONDS",
    "AddedClass",
    "DomainMap",
    "Extended",
    "FewShot",
    "Job",
    "Label",
    "Lane",
    "Point",
    "RangeTest",
    "RunFolder",
    "RunResult",
    "Shot",
    "Side",
    "Stage",
    "Store",
    "in_words",
]
