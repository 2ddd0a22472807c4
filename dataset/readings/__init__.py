"""From the files of a source to readings of it, and to the one that is taken: what is an image's class, its side, its
group, and where that is written. Opens tables, JSON and text lists; never an image."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from dataset.readings.judge import Choice
    from dataset.readings.reading import UNSAID, Listing, ReadAs, Reading, by_folders
    from dataset.readings.taken import most_named, read, without_images
else:
    __getattr__ = door(__name__)

__all__ = [
    "UNSAID",
    "Choice",
    "Listing",
    "ReadAs",
    "Reading",
    "by_folders",
    "most_named",
    "read",
    "without_images",
]
