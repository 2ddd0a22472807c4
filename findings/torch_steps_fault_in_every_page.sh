#!/usr/bin/env bash
# torch 2.14.1 (CPU), timm 1.0.31, glibc (seen with 2.36): a training step of tf_efficientnet_lite0, 32 images of 224 px.
# A good guess was: torch, or malloc, keeps what a step frees, and another allocator is worth the few percent that are told of it.
# Seen: torch's CPU allocator caches nothing, and glibc never raises the size from which it asks the system for each block by
# itself above 32 MB. Activations are larger, so each step has about 700,000 pages handed out and cleared anew, half of its time.
# Two calls of glibc's own mallopt (no block by mmap, no trimming) end that: 24 became 48 images a second on two cores, 7 became
# 26 for the wider tf_efficientnet_lite2. Most blocks of a step of 4 images stay below the bound: small trials show little of it.
set -euo pipefail
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
python3 -m venv "$where/env"
"$where/env/bin/pip" install -q torch==2.14.1 torchvision==0.29.1 timm==1.0.31 numpy
cat > "$where/step.py" <<'PYTHON'
import ctypes
import json
import resource
import sys
import time

if sys.argv[1] == "kept":
    libc = ctypes.CDLL(None)
    assert libc.mallopt(-4, 0) and libc.mallopt(-1, -1)  # M_MMAP_MAX, M_TRIM_THRESHOLD
import timm
import torch

torch.manual_seed(0)
batch = int(sys.argv[2])
net = timm.create_model("tf_efficientnet_lite0", num_classes=5).to(memory_format=torch.channels_last)
x = torch.randn(batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
for _ in range(4):
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.nn.functional.cross_entropy(net(x), torch.arange(batch) % 5).backward()
    net.zero_grad(set_to_none=True)
    took, faults = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(json.dumps({"speed": batch / took, "faults": faults}))
PYTHON
"$where/env/bin/python" - "$where" <<'PYTHON'
import json
import subprocess
import sys

where = sys.argv[1]


def step(way, batch):
    done = subprocess.run([sys.executable, f"{where}/step.py", way, str(batch)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print(f"{batch} images, freed memory {way}: {found['speed']:.0f} images a second, {found['faults']:,} page faults in a step")
    return found


left, kept, small = step("left to glibc", 32), step("kept", 32), step("left to glibc", 4)
assert left["faults"] > 100_000
assert left["faults"] / 32 > 3 * small["faults"] / 4, "an image of a small batch causes fewer"
assert kept["faults"] < 20_000
assert kept["speed"] > 1.2 * left["speed"]
print("As described: with large batches glibc has every page of a step handed out anew; told to keep them it does not.")
PYTHON
