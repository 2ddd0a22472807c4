"""Every kind of background work as one frozen request, and the one way to ask for it: `submit`."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.requests.base import Request
    from training.requests.data import AddBackbone, AddClass, FetchPublic
    from training.requests.imports import ImportImages
    from training.requests.kinds import MAPS, DrawMap, Explain, Export, MapName, MeasureGap, Profile, exportable
    from training.requests.race import JudgeLater, Race
    from training.requests.registry import submit
    from training.requests.train import Forecast, Foreseen, NotForeseen, Train, fitted, forecast_in, limits, room
else:
    __getattr__ = door(__name__)

__all__ = [
    "MAPS",
    "AddBackbone",
    "AddClass",
    "DrawMap",
    "Explain",
    "Export",
    "FetchPublic",
    "Forecast",
    "Foreseen",
    "ImportImages",
    "JudgeLater",
    "MapName",
    "MeasureGap",
    "NotForeseen",
    "Profile",
    "Race",
    "Request",
    "Train",
    "exportable",
    "fitted",
    "forecast_in",
    "limits",
    "room",
    "submit",
]
