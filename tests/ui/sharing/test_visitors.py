"""What pages know of who looks at them: what they queue is theirs by name, and the line above says how they came in."""

from __future__ import annotations

import pytest

from core.types import DatasetFacts, DatasetRef
from tests.support.seeding import button, words
from tests.ui.conftest import Open, Visit
from training.store.store import Store
from ui.sharing import Visitor


@pytest.mark.parametrize("who", [Visitor(local=True), Visitor(local=False), Visitor(local=False, name="Zoë : Ω <b>")])
def test_a_visitor_is_read_as_it_was_written(who: Visitor) -> None:
    assert Visitor.read(who.written()) == who and who.written().isascii()


def test_what_says_nothing_is_not_local() -> None:
    for value in (None, "", "Local", "local ", "anything"):
        assert not Visitor.read(value).local


def test_a_run_is_kept_with_the_name_of_who_queued_it(
    open_page: Open, visitor: Visit, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    visitor(Visitor(local=False, name="Ann"))
    at = open_page("advice", dataset=dataset.id)
    button(at, "Train: Linear probe").click().run()
    (job,) = store.jobs(kind="train")
    assert job.queued_by == "Ann"
    at = open_page("train", dataset=dataset.id, run=job.id)
    assert "by Ann" in words(at)


def test_at_this_computer_nobody_is_named(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    button(at, "Train: Linear probe").click().run()
    (job,) = store.jobs(kind="train")
    assert job.queued_by == ""
