"""Pictures for pages, drawn in processes of their own: a large file, or one that crashes its decoder, costs the server
nothing.

Each process (`python -m dataset.ingest.drawing`) reads a line that says what to draw, and how, and answers a line, both
JSON; it is kept for the next picture. Whatever has more than `LARGE_PIXELS` to decode is drawn alone, in whichever
`Drawers` it is asked of, and its process ends with it, so that the memory goes back for certain.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import USUAL_DECODING, Decoding
from dataset.guarded import READY, Pool, command, hold_to, started

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGE_PIXELS = 40_000_000
MOST_BYTES = 3 * 1024**3
"""Memory that one process may write to: the largest picture of 16 bits with transparency takes most of it."""
MOST_SECONDS = 20.0
COMMAND = command("dataset.ingest.drawing")
_large = threading.Lock()


@dataclass(frozen=True)
class Look:
    """A picture as a JPEG that fits into a box, px."""

    wide: tuple[int, int]
    """Of one that is wider than high, ..."""
    tall: tuple[int, int]
    """... and of any other."""
    quality: int

    @property
    def draft(self) -> tuple[int, int]:
        return max(self.wide[0], self.tall[0]), max(self.wide[1], self.tall[1])


@dataclass(frozen=True)
class Square:
    """A picture's central square, as training sees it."""

    side: int
    interpolation: str


class Drawers(Pool):
    """Up to `count` drawing processes."""

    def __init__(self, count: int, how: Sequence[str] = COMMAND) -> None:
        super().__init__(count, partial(started, how, "Pictures cannot be drawn"))

    def jpeg(self, path: Path, look: Look, decoding: Decoding = USUAL_DECODING) -> bytes | str:
        """The picture, or why it cannot be drawn. Raises DataError when no process can be started."""
        return self._draw(path, {"look": asdict(look)}, decoding)

    def square(self, path: Path, how: Square, decoding: Decoding = USUAL_DECODING) -> NDArray[np.uint8] | str:
        """uint8 [side, side, 3], as `core.portable.pictures.square`; or why there is none. Raises as `jpeg`."""
        import numpy as np

        found = self._draw(path, {"square": asdict(how)}, decoding)
        return found if isinstance(found, str) else np.frombuffer(found, np.uint8).reshape(how.side, how.side, 3)

    def _draw(self, path: Path, what: dict[str, Any], decoding: Decoding) -> bytes | str:
        asked = {**what, "path": os.path.abspath(path), "range": decoding.value_range, "pages": decoding.pages}
        found = self._answer({**asked, "most_pixels": LARGE_PIXELS})
        if found is None:
            with _large:
                found = self._answer({**asked, "most_pixels": None})
        assert found is not None
        return found

    def _answer(self, asked: dict[str, Any]) -> bytes | str | None:
        """None for a picture that is too large to be drawn beside others."""
        with self.one() as alive:
            process = alive()
            process.ask(json.dumps(asked) + "\n")
            line = process.line(MOST_SECONDS)
            if line is None:
                late = process.ended == "late"
                return f"takes longer than {MOST_SECONDS:.0f} s to decode" if late else "makes the decoder crash"
            if asked["most_pixels"] is None:
                process.close()
        answer = json.loads(line)
        if "large" in answer:
            return None
        return str(answer["why"]) if "why" in answer else base64.b64decode(answer["drawn"])


# ---- in the process ------------------------------------------------------------------------------------------------


def _drawn(asked: dict[str, Any]) -> dict[str, Any]:
    from core.portable import pictures
    from core.portable.reasons import why

    path, square = Path(asked["path"]), asked.get("square")
    value_range, most = tuple(asked["range"]) if asked["range"] else None, asked["most_pixels"] or sys.maxsize
    try:
        if square:
            side = square["side"]
            if _pixels(path, asked["pages"], (side, side)) > most:
                return {"large": True}
            data = pictures.square(path, side, square["interpolation"], value_range, asked["pages"]).tobytes()
        else:
            wide, tall = asked["look"]["wide"], asked["look"]["tall"]
            shape = Look((wide[0], wide[1]), (tall[0], tall[1]), asked["look"]["quality"])
            if _pixels(path, asked["pages"], shape.draft) > most:
                return {"large": True}
            shown = pictures.read(path, value_range, asked["pages"], shape.draft)
            box = shape.wide if shown.width > shown.height else shape.tall
            shown.thumbnail(box, reducing_gap=1.5)  # a larger one holds a fourth of a large picture once more
            out = io.BytesIO()
            shown.save(out, "JPEG", quality=shape.quality)
            data = out.getvalue()
    except Exception as error:  # a broken file makes the readers raise nearly anything
        return {"why": why(error, path)}
    return {"drawn": base64.b64encode(data).decode()}


def _pixels(path: Path, pages: Sequence[int], draft: tuple[int, int]) -> int:
    """How many have to be held at once. Raises as `pictures.opened`."""
    from core.portable import pictures

    with pictures.opened(path, pages[0]) as image:
        if not image.info.get("progressive"):  # those are held whole before they are reduced
            image.draft("RGB", draft)
        return image.width * image.height * len(pages)


def main() -> None:
    """The process: what to draw in, pictures out, until the input ends."""
    hold_to(MOST_BYTES, what="DATA")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's would reserve memory for each core
    from dataset.ingest.decoding import load_decoders

    load_decoders()
    print(READY, flush=True)
    for line in sys.stdin:
        try:
            answer = _drawn(json.loads(line))
        except OSError as error:
            answer = {"why": f"cannot be read: {error.strerror or error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
