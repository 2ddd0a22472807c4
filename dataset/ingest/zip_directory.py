"""How many members a zip's directory lists, counted before the library reads it.

`zipfile` builds an object for every entry before anything can be checked: an archive of some millions of empty members
would take minutes and gigabytes. Here only the entries' lengths are followed.
"""

from __future__ import annotations

import struct
from pathlib import Path

END, END64, ENTRY = b"PK\x05\x06", b"PK\x06\x06", b"PK\x01\x02"
END_BYTES, LOCATOR_BYTES, END64_BYTES, ENTRY_BYTES = 22, 20, 56, 46
LONGEST_COMMENT = 65_535


def count_members(archive: Path, most: int) -> int:
    """Entries of the directory, at most `most` + 1; 0 where there is none: the library says what is wrong then."""
    with open(archive, "rb") as file:
        size = file.seek(0, 2)
        tail_at = max(0, size - END_BYTES - LONGEST_COMMENT - LOCATOR_BYTES - END64_BYTES)
        file.seek(tail_at)
        tail = file.read()
        end = tail.rfind(END)
        if end < 0 or end + END_BYTES > len(tail):
            return 0
        length = struct.unpack_from("<I", tail, end + 12)[0]
        finish = tail_at + end
        end64 = end - LOCATOR_BYTES - END64_BYTES
        if end64 >= 0 and tail[end64 : end64 + 4] == END64:
            length = struct.unpack_from("<Q", tail, end64 + 40)[0]
            finish -= LOCATOR_BYTES + END64_BYTES
        if length > finish:
            return 0
        file.seek(finish - length)
        return _count(file.read(min(length, (most + 1) * 2048)), most)


def _count(directory: bytes, most: int) -> int:
    at = number = 0
    while number <= most and directory[at : at + 4] == ENTRY and at + ENTRY_BYTES <= len(directory):
        at += ENTRY_BYTES + sum(struct.unpack_from("<3H", directory, at + 28))  # name, extra field, comment
        number += 1
    return number
