#!/usr/bin/env bash
# Pillow 13.0.0: a grey TIFF of 8 or 16 bits, not packed, whose tag Orientation says that it lies on its side.
# A good guess was: a picture is the same whether Pillow is given the file's name or the open file.
# Seen: it turns TIFFs by itself while it loads them. Given the open file, that is right. Given the name, it maps the
# bytes with the width that the turned picture will have: rows are torn apart, and the size stays as it lay.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
"$work/env/bin/python" - "$work/a.tif" <<'PY'
import sys

import numpy as np
import PIL
from PIL import Image

print("Pillow", PIL.__version__)
lying = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6)
Image.fromarray(lying).save(sys.argv[1], tiffinfo={274: 6})
upright = np.rot90(lying, -1)
with open(sys.argv[1], "rb") as file, Image.open(file) as image:
    given_file = np.asarray(image)
with Image.open(sys.argv[1]) as image:
    given_name = np.asarray(image)
print("given the open file:", given_file.shape, "right" if np.array_equal(given_file, upright) else "wrong")
print("given its name:", given_name.shape, "right" if np.array_equal(given_name, upright) else "wrong")
assert np.array_equal(given_file, upright)
assert not np.array_equal(given_name, upright)
PY
