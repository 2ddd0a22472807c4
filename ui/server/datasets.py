"""GET /thaw/cleaned/ID.zip and ID.csv: a dataset as it stands after its edits, streamed to the browser.

A download button would hold the whole zip in the server's memory. `?split=runs` adds the split that runs use. No torch.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from core import DatasetRef, ThawError
from ui.address import at

ENDINGS = ("zip", "csv")
RUNS = "runs"
SPLIT_SEED = 0
"""As `parts_jobs.SEED`: every run started from a page has it."""


def url(ref: DatasetRef, ending: str, with_split: bool) -> str:
    """Where the cleaned set is served. ending: 'zip' or 'csv'."""
    return at(f"/thaw/cleaned/{ref.id}.{ending}") + (f"?split={RUNS}" if with_split else "")


def file_name(ref: DatasetRef, ending: str) -> str:
    """'flowers-1a2b3c.zip': the dataset's name as far as any system can write it, and which revision it is."""
    plain = re.sub(r"[^\w .()-]+", "_", ref.name).strip(" ._")[:60] or "images"
    return f"{plain}-{ref.id[:6]}.{ending}"


def cleaned(request: Request, home: Path) -> Response:
    """Answer one request; a sentence as JSON when there is no such dataset or an image of it is gone."""
    from dataset import half_split, items, load_dataset, write_table, zip_pieces

    ending = request.path_params["ending"]
    if ending not in ENDINGS:
        return _refuse(f"A dataset can be taken away as {' or '.join(ENDINGS)}, not as '{ending[:40]}'.")
    try:
        ref = load_dataset(home, request.path_params["dataset"])
        sides = None
        if half_split(ref) or request.query_params.get("split") == RUNS:
            from dataset import sides as sides_of

            sides = sides_of(ref, SPLIT_SEED).tolist()
        taken = items(ref, sides)
        gone = next((item.path for item in taken if not (ref.images_root / item.path).is_file()), None)
    except ThawError as error:
        return _refuse(str(error))
    if gone is not None:
        return _refuse(f"'{gone}' is not on disk any more. Import the images again.")
    name = file_name(ref, ending)
    ascii_name = re.sub(r"[^ -~]", "_", name)
    headers = {
        "Content-Disposition": f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}",
        "Cache-Control": "no-store",
    }
    if ending == "csv":
        table = io.StringIO()
        write_table(taken, table)
        return Response(table.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
    return StreamingResponse(zip_pieces(ref, taken), media_type="application/zip", headers=headers)


def _refuse(sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=404, headers={"Cache-Control": "no-store"})
