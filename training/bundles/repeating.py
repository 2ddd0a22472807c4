"""Training a run again exactly as it was, here or where its bundle was brought. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core import NotFound, RunConfig
from dataset import load_dataset
from training.requests import Forecast, Train, exportable
from training.store import Job, RunResult, Store


def again(store: Store, run: Job, foresee: Callable[[Store, RunConfig], Forecast]) -> Train:
    """The request for a run with the same configuration, in the arithmetic and threads that the first one chose, and
    from the weights that it started from. foresee: says what is forecast of it.

    A first run that was not cut by its time budget gets none now: another one could end it early. Raises StateError for
    a run without weights, NotFound when the second domain that it adapted to is not here.
    """
    exportable(run, "repeat")
    config = run.plan
    if config.target_id:
        try:
            load_dataset(store.home, config.target_id)
        except NotFound as error:
            raise NotFound(
                f"Run '{run.id}' adapted to a second domain, dataset {config.target_id}, which is not here and which a "
                "bundle does not carry. Import the same images, or attach them as its target "
                f"(python -m training target {run.dataset_id} PATH), and repeat it then."
            ) from error
    cut = bool(RunResult.of(run).stopped_early)
    config = replace(config, minutes=config.minutes if cut else None, group="", repeats=run.id)
    return Train(config, foresee(store, config))
