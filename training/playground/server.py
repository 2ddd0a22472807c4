"""A kept-warm process for small live experiments: `python -m training.playground.server`. It answers one request a
line.

In:  {"id": 7, "name": "arm", "args": {...}}    out: {"id": 7, "answer": {...}} or {"id": 7, "error": "a sentence"}
The pages' process never imports torch; a process that already has answers in a fraction of a second. It touches no
home, holds nothing between requests but what was learned on synthetic vectors, and ends by itself when nobody asks for
a while or whoever asks is gone. The other side is `client`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback

IDLE_S = 900.0


def main() -> int:
    # Whatever libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    import torch

    torch.set_num_threads(1)  # vectors are small, and one process a core is asked
    from training.playground.questions import EXPERIMENTS

    print(json.dumps({"ready": True}), file=answers, flush=True)
    while True:
        idle = threading.Timer(IDLE_S, os._exit, (0,))
        idle.daemon = True
        idle.start()
        line = sys.stdin.readline()
        idle.cancel()
        if not line:
            return 0
        request = json.loads(line)
        try:
            answer = {"id": request["id"], "answer": EXPERIMENTS[request["name"]](**request["args"])}
        except Exception as error:  # the boundary of the process: the page says it, the log keeps it
            traceback.print_exc()
            answer = {"id": request["id"], "error": f"{error}" or type(error).__name__}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    sys.exit(main())
