"""Files that may say what images show (CSV, Excel, Parquet, JSON, text lists), opened within bounds, as rows of text.
What they mean is for `dataset.readings` to find."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from dataset.documents.grid import Grid, parts
    from dataset.documents.guarded import open_guarded
    from dataset.documents.opening import SUFFIXES, Open, is_document_name, open_document, worth_opening
else:
    __getattr__ = door(__name__)

__all__ = ["SUFFIXES", "Grid", "Open", "is_document_name", "open_document", "open_guarded", "parts", "worth_opening"]
