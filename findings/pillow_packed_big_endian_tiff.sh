#!/usr/bin/env bash
# Pillow 13.0.0, tifffile 2026.3.3: TIFFs of floating-point or signed samples in big-endian order, deflated.
# A good guess was: the order of bytes is the file's affair, and whoever reads it gets the same numbers, packed or not.
# Seen: not packed, all are read right. Packed (libtiff), float32, int32 and int16 come out with their bytes swapped,
# without a word: 0.25 is read as 4.6e-41. uint16 is right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
"$work/env/bin/python" - "$work/a.tif" <<'PY'
import sys

import numpy as np
import PIL
import tifffile
from PIL import Image

print("Pillow", PIL.__version__)
values = {"u2": [1, 300, 65000], "i2": [-1, 300, 32000], "i4": [-1, 300, 2**30], "f4": [0.25, 0.5, 1.0]}
seen = {}
for kind, row in values.items():
    for packed in (None, "zlib"):
        tifffile.imwrite(sys.argv[1], np.array([row], kind), byteorder=">", compression=packed, photometric="minisblack")
        with Image.open(sys.argv[1]) as image:
            read = np.asarray(image).astype(np.dtype(kind))
        swapped = np.array([row], kind).byteswap()
        seen[kind, bool(packed)] = "right" if (read == [row]).all() else "swapped" if (read == swapped).all() else "other"
        print(kind, "packed" if packed else "plain", read.tolist(), seen[kind, bool(packed)])
assert all(how == "right" for (kind, packed), how in seen.items() if not packed or kind == "u2")
assert all(how == "swapped" for (kind, packed), how in seen.items() if packed and kind != "u2")
PY
