"""Setting a run up by hand: what is set reaches the run, what is not comes from the recipe, nonsense is refused."""

from __future__ import annotations

import pytest

from advisor.planning.strategies import PLANNED, RECIPES
from core.plans import RunConfig
from core.types import DatasetFacts, DatasetRef
from tests.support.seeding import button, words
from tests.ui.conftest import Open
from training.store.store import Store


def newest(store: Store) -> RunConfig:
    return store.jobs(kind="train")[0].plan


@pytest.mark.parametrize("kind", PLANNED)
def test_every_strategy_can_be_set_up_and_trained_as_it_is(
    kind: str, open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    at.selectbox(key="hand_kind").set_value(kind).run()
    assert not at.exception
    button(at, "Train this plan").click().run()
    assert newest(store).strategy.kind == kind
    assert at.title[0].value == "Train"


def test_what_is_set_reaches_the_run(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    at.selectbox(key="hand_kind").set_value("full").run()
    at.number_input(key="hand_mixup").set_value(0.2)
    at.number_input(key="hand_epochs").set_value(3)
    at.number_input(key="hand_patience").set_value(2)
    at.selectbox(key="hand_balance").set_value("sampler")
    at.selectbox(key="hand_optimizer").set_value("sgd")
    at.selectbox(key="hand_augment").set_value("crop")
    at.selectbox(key="hand_head").set_value("hidden")
    at.selectbox(key="hand_px").set_value(128)
    at.checkbox(key="hand_range").set_value(True)
    at.run()
    button(at, "Train this plan").click().run()
    strategy = newest(store).strategy
    assert (strategy.mixup, strategy.balance, strategy.image_px, strategy.lr_range_test) == (0.2, "sampler", 128, True)
    assert (strategy.phases[-1].epochs, strategy.phases[-1].patience, strategy.phases[-1].momentum) == (3, 2, 0.9)
    assert (strategy.augment, strategy.head) == ("crop", "hidden")
    assert strategy.label_smoothing == RECIPES["full"].label_smoothing  # left alone


def test_a_probe_may_read_all_stages_and_what_was_set_of_the_others_stays(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    at.selectbox(key="hand_kind").set_value("full").run()
    at.selectbox(key="hand_head").set_value("hidden").run()
    at.selectbox(key="hand_kind").set_value("linear_probe").run()
    at.selectbox(key="hand_solved_head").set_value("stages").run()
    assert "a head on the pooled outputs of all stages" in words(at)
    button(at, "Train this plan").click().run()
    assert newest(store).strategy.head == "stages"
    at = open_page("advice", dataset=dataset.id)
    at.selectbox(key="hand_kind").set_value("full").run()
    assert at.selectbox(key="hand_head").options == ["Linear", "With a hidden layer of 512"]


def test_what_is_set_stays_while_another_strategy_is_looked_at(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    at.selectbox(key="hand_kind").set_value("full").run()
    at.number_input(key="hand_lr").set_value(0.1)
    at.selectbox(key="hand_optimizer").set_value("sgd")
    at.checkbox(key="hand_progressive").check().run()
    at.selectbox(key="hand_kind").set_value("prototype").run()
    at.selectbox(key="hand_kind").set_value("full").run()
    assert (at.number_input(key="hand_lr").value, at.selectbox(key="hand_optimizer").value) == (0.1, "sgd")
    assert at.checkbox(key="hand_progressive").value


def test_stages_of_another_backbone_are_let_go(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    at.slider(key="hand_top").set_value(5).run()
    at.selectbox(key="hand_kind").set_value("full").run()
    at.session_state["hand_top"] = 99  # as with a deeper backbone
    at.session_state["hand_stages"] = ["no such stage"]
    at.selectbox(key="hand_kind").set_value("partial").run()
    assert not at.exception and at.slider(key="hand_top").value == 2


def test_surgical_and_first_layers_are_choices_of_partial(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts, store: Store
) -> None:
    at = open_page("advice", dataset=dataset.id)
    at.radio(key="hand_what").set_value("first").run()
    button(at, "Train this plan").click().run()
    assert newest(store).strategy.phases[-1].frozen_stages == (1, 2, 3, 4, 5, 6, 7)
    at = open_page("advice", dataset=dataset.id)
    at.radio(key="hand_what").set_value("layers").run()
    at.text_input(key="hand_freeze").set_value("60%").run()
    button(at, "Train this plan").click().run()
    phase = newest(store).strategy.phases[-1]
    assert (phase.boundary, phase.frozen_layers) == (5, 5)  # the first 29 of 49 layers


def test_settings_that_do_not_go_together_are_said_and_cannot_be_trained(
    open_page: Open, dataset: DatasetRef, facts: DatasetFacts
) -> None:
    at = open_page("advice", dataset=dataset.id)
    at.radio(key="hand_what").set_value("layers").run()
    at.text_input(key="hand_freeze").set_value("most").run()
    text = words(at)
    assert "These settings do not go together" in text
    assert "'most' is not a number of layers to freeze like '20', nor a share like '80%'" in text
    assert not [one for one in at.button if one.label == "Train this plan"]
