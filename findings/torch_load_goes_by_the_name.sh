#!/usr/bin/env bash
# torch 2.14.1: torch.load of a path that ends in .safetensors hands the file to safetensors, whatever stands in it.
# A good guess was: torch.load looks at the first bytes, as it does for everything else that it tells apart.
# Seen: what torch.save wrote is refused under that name with "header too large", and read under any other name, or as
# an open file of that name.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet torch==2.14.1 safetensors==0.8.0 numpy==2.4.6
"$work/env/bin/python" - "$work/weights.safetensors" <<'PY'
import sys

import torch

state = {"layer": torch.arange(3.0)}
torch.save(state, sys.argv[1])
print("torch", torch.__version__)
try:
    torch.load(sys.argv[1], weights_only=True)
    raise SystemExit("by its name: read")
except Exception as error:
    print("by its name:", type(error).__name__, error)
    assert "SafetensorError" in type(error).__name__
with open(sys.argv[1], "rb") as file:
    assert torch.equal(torch.load(file, weights_only=True)["layer"], state["layer"])
print("as an open file: read")
PY
