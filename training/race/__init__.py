"""The race: which rung next and when to stop. The only room of training that may hold an opinion."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.race.record import Decision, RaceRecord, RaceResult, record_of, rungs_of
else:
    __getattr__ = door(__name__)

__all__ = ["Decision", "RaceRecord", "RaceResult", "record_of", "rungs_of"]
