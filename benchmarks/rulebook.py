"""Learn the measured rulebook and the forecasts from the evidence table, and write them where the app reads them.

    python -m benchmarks.rulebook [EVIDENCE.csv]

Deterministic: the same table gives the same file, byte for byte.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from advisor.advice import evidence, learned_rules
from advisor.rulebooks.tree import Leaf


def text_of(lines: list[dict[str, str]]) -> str:
    """The file's whole content."""
    return json.dumps(learned_rules.to_json(learned_rules.learn(lines)), indent=1) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, nargs="?", default=evidence.COMMITTED)
    options = parser.parse_args()
    learned_rules.COMMITTED.write_text(text_of(evidence.read(options.table)))
    known = learned_rules.learned()
    assert known is not None
    for depth, node in known.rulebook.walk():
        if isinstance(node, Leaf):
            record = known.leaves[node.id]
            regrets = ", ".join(f"{kind} {100 * lost:.1f}" for kind, lost in record.regrets.items())
            basis = f"{record.tasks} tasks, {record.families} families"
            print(f"{'    ' * depth}-> {node.kind} ({basis}; regrets {regrets})")
        else:
            print(f"{'    ' * depth}{node.text} {' | '.join(branch.label for branch in node.branches)}")
    for kind, own in known.corrections.items():
        print(f"forecast of {kind}: error {100 * own.error:.1f} points on families left out, {own.tasks} runs")


if __name__ == "__main__":
    main()
