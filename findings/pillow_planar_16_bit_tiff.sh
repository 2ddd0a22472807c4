#!/usr/bin/env bash
# Pillow 13.0.0: an RGB TIFF of 16 bits a sample that holds one colour after the other (PlanarConfiguration 2), not packed.
# A good guess was: Pillow keeps the upper 8 of 16 bits, as it does where the colours stand side by side.
# Seen: it opens as a whole RGB picture without a word, and its pixels are the bytes of each plane one by one, as if a
# sample had 8 bits: the upper half of the picture, torn apart. Packed, the same file is read right.
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
samples = (np.arange(3 * 4 * 6, dtype=np.uint16) * 911).reshape(3, 4, 6)  # colour, row, column
wanted = np.moveaxis(samples >> 8, 0, -1)
for packed in ("zlib", None):
    tifffile.imwrite(sys.argv[1], samples, photometric="rgb", planarconfig="separate", compression=packed)
    with Image.open(sys.argv[1]) as image:
        read = np.asarray(image)
    print("packed" if packed else "plain", image.mode, "right" if (read == wanted).all() else "not the upper bytes")
    assert (read == wanted).all() == bool(packed)
bytes_of_red = samples[0].astype("<u2").tobytes()[: 4 * 6]
assert read[..., 0].tobytes() == bytes_of_red
print("red is the first bytes of the file's red plane")
PY
