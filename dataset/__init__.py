"""A dataset as it lies in the home: its folder and manifest, its revisions, its split."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from dataset.cleaned_set import half_split, items, write_table, zip_pieces
    from dataset.commit import archive_key, recall, remember, remove, staging
    from dataset.edits import SIDES, Edit
    from dataset.folder import (
        MANIFEST,
        RECORD,
        THUMBNAILS,
        Row,
        content_id,
        counts_of,
        everything,
        groups_of,
        list_datasets,
        live,
        load_dataset,
        read_alike,
        read_manifest,
        read_rows,
        read_thumbnails,
        set_aside,
    )
    from dataset.groups import Grouping, GroupsFrom, from_names, in_words, torn
    from dataset.image_table import ImageTable, Query, by_class, matching, page_of, pages, read_table, spread
    from dataset.layout import (
        EXPECTED,
        OUTERMOST,
        ClassFrom,
        Layout,
        Placed,
        class_from,
        find_layout,
        nested_levels,
    )
    from dataset.look_alikes import BLACK, BLANK, empty, joined
    from dataset.revisions import current, history, list_current, make_current, origin_of, revise
    from dataset.split_words import sides_of, split_in, split_of
    from dataset.splits import same_pictures, sides
else:
    __getattr__ = door(__name__)

__all__ = [
    "BLACK",
    "BLANK",
    "EXPECTED",
    "MANIFEST",
    "OUTERMOST",
    "RECORD",
    "SIDES",
    "THUMBNAILS",
    "ClassFrom",
    "Edit",
    "Grouping",
    "GroupsFrom",
    "ImageTable",
    "Layout",
    "Placed",
    "Query",
    "Row",
    "archive_key",
    "by_class",
    "class_from",
    "content_id",
    "counts_of",
    "current",
    "empty",
    "everything",
    "find_layout",
    "from_names",
    "groups_of",
    "half_split",
    "history",
    "in_words",
    "items",
    "joined",
    "list_current",
    "list_datasets",
    "live",
    "load_dataset",
    "make_current",
    "matching",
    "nested_levels",
    "origin_of",
    "page_of",
    "pages",
    "read_alike",
    "read_manifest",
    "read_rows",
    "read_table",
    "read_thumbnails",
    "recall",
    "remember",
    "remove",
    "revise",
    "same_pictures",
    "set_aside",
    "sides",
    "sides_of",
    "split_in",
    "split_of",
    "spread",
    "staging",
    "torn",
    "write_table",
    "zip_pieces",
]
