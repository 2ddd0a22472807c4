"""How far a job is, in one way everywhere: a bar, what is being done, the time that is left, a button that cancels."""

from __future__ import annotations

from training.store import Job
from ui.kit import state
from ui.pictures.words import duration


def told(job: Job, what: str = "Starting") -> tuple[float, str]:
    """(share done, sentence) of a job that waits or runs. what: said while it says nothing of itself."""
    if job.state == "queued":
        first = next(iter(state.store().queue(job.lane)), job)
        if first.id == job.id:
            return 0.0, what
        return 0.0, f"Waiting for the {first.noun.lower()} before it to end"
    left = f", about {duration(job.eta_s)} left" if job.eta_s and job.eta_s >= 1 else ""
    return min(1.0, max(0.0, job.progress)), f"{job.doing or what}{left}"
