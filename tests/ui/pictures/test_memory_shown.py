"""A card and the table of details say how much memory a strategy takes, or that nobody knows."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from advisor.advice.recommendation import recommend
from core.types import Budget, DatasetFacts
from core.zoo.catalog import backbone
from ui import pictures
from ui.advice.plan import row


@pytest.mark.parametrize(("memory", "said"), [(1_234_000_000, "about 1.23 GB"), (None, "unknown")])
def test_memory_stands_beside_the_time(facts: DatasetFacts, memory: int | None, said: str) -> None:
    card = backbone(facts.backbone)
    best = replace(recommend(facts, "medium", Budget(10)).best, memory_bytes=memory)
    drawn = pictures.strategy_card(best, card, len(facts.classes), pictures.axis_scale([]))
    text = re.sub(r"<[^>]+>", " ", drawn)
    assert re.search(rf"Time here .*Memory\s+{re.escape(said)}", text)
    assert row(best)["Peak memory"] == said.removeprefix("about ")
