"""From bytes or a path to a committed dataset, safely."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from dataset.ingest.archives import MAX_MEMBERS, unpack
    from dataset.ingest.assembly import Arranged, Found
    from dataset.ingest.decode_workers import Decoders
    from dataset.ingest.decoding import SEVERAL, TRAITS, Decoded, load_decoders
    from dataset.ingest.drawing import Drawers, Look, Square
    from dataset.ingest.imports import Order
    from dataset.ingest.public_sets import PUBLIC_SETS, PublicSet, public_set
    from dataset.ingest.samples import PAIRS, SAMPLES, import_sample
    from dataset.ingest.sources import import_made, import_path, take_again, take_in
    from dataset.ingest.targets import OfClasses, labels_in, target_of
else:
    __getattr__ = door(__name__)

__all__ = [
    "MAX_MEMBERS",
    "PAIRS",
    "PUBLIC_SETS",
    "SAMPLES",
    "SEVERAL",
    "TRAITS",
    "Arranged",
    "Decoded",
    "Decoders",
    "Drawers",
    "Found",
    "Look",
    "OfClasses",
    "Order",
    "PublicSet",
    "Square",
    "import_made",
    "import_path",
    "import_sample",
    "labels_in",
    "load_decoders",
    "public_set",
    "take_again",
    "take_in",
    "target_of",
    "unpack",
]
