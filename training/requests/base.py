"""What every request is: a piece of background work, complete and immutable, before it becomes a job of the store.

A request says what it is called, in which lane it waits and who works on it; it refuses, in a sentence, what could only
fail; it is written as the job's config and read back from it by the worker. Nothing here computes, and nothing holds an
opinion. No torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from core import PlanError
from core.decode import decode
from dataset import load_dataset
from training.store import Lane, RunFolder, Store


@dataclass(frozen=True)
class Request:
    """The fields of a kind's dataclass, `dataset_id` apart, are its job's config."""

    kind: ClassVar[str]
    """How the store calls it; old homes hold these words."""
    noun: ClassVar[str]
    """How sentences call its job: 'Run'."""
    lane: ClassVar[Lane]
    handler: ClassVar[str]
    """'module:function' that does the work, as text: a worker loads it, and torch with it, and nobody else does."""

    dataset_id: str
    """The images that it works on; "" = none yet."""

    @property
    def title(self) -> str:
        """What it does, as a queue shows it: 'Drawing a map'."""
        raise NotImplementedError

    @property
    def group(self) -> str:
        """What jobs that were queued together have in common; "" = alone."""
        return ""

    def check(self, store: Store) -> None:
        """Raises ThawError, with what to do, where the work could only fail: asked before anything is queued."""
        if self.dataset_id:
            load_dataset(store.home, self.dataset_id)

    def joins(self, other: Request) -> bool:
        """Whether a job on its way for `other` does all that is asked for here, so that no second one is needed."""
        return self == other

    def prepare(self, folder: RunFolder) -> None:
        """Write what has to lie in the job's folder before a worker may take it."""

    def prepared(self, folder: RunFolder) -> Self:
        """This request, with what `prepare` wrote."""
        return self

    def config(self) -> dict[str, Any]:
        """As the store keeps it: plain JSON."""
        return {name: value for name, value in asdict(self).items() if name != "dataset_id"}

    @classmethod
    def read(cls, dataset_id: str, config: dict[str, Any]) -> Self:
        """Inverse of `config`. Raises PlanError for what this version cannot read."""
        place = {"dataset_id": dataset_id} if cls.__dataclass_fields__["dataset_id"].init else {}
        return decode({**place, **config}, cls, f"A job of kind '{cls.kind}'", error=PlanError)
