#!/usr/bin/env bash
# timm 1.0.31: create_model(..., pretrained=True, num_classes=N) loads strictly only while N is what the weights' own
# configuration says. With any other N the whole network is loaded with strict=False, not the classifier alone: tensors
# that a file does not have keep their random numbers, and nothing is raised. One line is logged at INFO, which is off.
# A good guess was: strict is the default, so a file without half of the body is an error whatever the classifier.
# Seen: 1,000 classes raise RuntimeError; 5 classes give a network whose last layers are random.
# Who adapts weights to own classes this way and is given a file that is not whole trains on half a random network.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 timm==1.0.31
"$work/env/bin/python" - "$work/half.pth" <<'PY'
import sys

import timm
import torch

torch.manual_seed(0)
whole = timm.create_model("resnet18").state_dict()
body = {name: tensor for name, tensor in whole.items() if not name.startswith("layer4.")}
torch.save(body, sys.argv[1])


def loaded(classes):
    """The network of `classes`, filled from the file as weights of a configuration of 1,000."""
    return timm.create_model(
        "resnet18", pretrained=True, num_classes=classes, pretrained_cfg_overlay={"file": sys.argv[1]}
    ).state_dict()


print("timm", timm.__version__)
try:
    loaded(1000)
    raise SystemExit("1,000 classes: nothing was raised")
except RuntimeError as error:
    print("1,000 classes:", str(error).splitlines()[0])
state = loaded(5)
name = "layer4.0.conv1.weight"
same = torch.equal(state["layer3.0.conv1.weight"], whole["layer3.0.conv1.weight"])
print(f"5 classes: layer3 from the file: {same}; {name} is not in the file and has deviation {state[name].std():.3f}")
assert same and state[name].std() > 0 and not torch.equal(state[name], whole[name])
PY
