"""Every threshold and every row of the three textbooks, with the values on both sides of each edge."""

from itertools import product

import pytest

from advisor.rulebooks import RULEBOOKS, rulebook
from advisor.rulebooks.tree import Branch, Leaf, Question, Rulebook, Situation, answer
from core.errors import PlanError
from core.plans import Kind
from core.types import Priority, Similarity

SIMILARITIES: tuple[Similarity, ...] = ("high", "medium", "low")
PRIORITIES: tuple[Priority, ...] = ("speed", "accuracy")
SIZES = (1, 999, 1_000, 1_001, 9_999, 10_000, 10_001, 99_999, 100_000, 100_001, 5_000_000)
MINUTES = (0.5, 59.99, 60, 60.01, 359.99, 360, 360.01, 10_000)
EVERYWHERE = [Situation(*parts) for parts in product(SIZES, SIMILARITIES, MINUTES, PRIORITIES)]


def kind(
    book: str, n: int, similarity: Similarity, minutes: float = 120, priority: Priority = "accuracy"
) -> Kind:
    return answer(RULEBOOKS[book], Situation(n, similarity, minutes, priority)).kind


def course_by_hand(s: Situation) -> Kind:
    """The lesson's rule, worded independently of the tree."""
    if s.train_images < 1000:
        return "partial" if s.similarity == "low" else "linear_probe"
    if s.train_images <= 10_000:
        return "linear_probe" if s.minutes < 60 or s.priority == "speed" else "partial"
    return "scratch" if s.similarity == "low" and s.minutes > 360 else "full"


def workflow_by_hand(s: Situation) -> Kind:
    if s.train_images < 1000:
        return "linear_probe"
    if s.train_images <= 10_000:
        return "gradual" if s.similarity == "low" else "partial"
    return "full" if s.train_images <= 100_000 else "scratch"


def classic_by_hand(s: Situation) -> Kind:
    if s.train_images < 1000:
        return "linear_probe"
    if s.train_images <= 100_000:
        return "partial"
    return "full" if s.minutes >= 60 else "partial"


BY_HAND = {"course": course_by_hand, "workflow": workflow_by_hand, "classic": classic_by_hand}


@pytest.mark.parametrize("situation", EVERYWHERE, ids=str)
def test_every_book_in_every_situation(situation: Situation) -> None:
    for name, by_hand in BY_HAND.items():
        assert answer(RULEBOOKS[name], situation).kind == by_hand(situation), name


@pytest.mark.parametrize(
    ("images", "similarity", "minutes", "priority", "expected", "says"),
    [
        # Skin lesions: 800 images, medium similarity, limited compute, speed.
        (800, "medium", 30, "speed", "linear_probe", "Feature extraction (frozen base)"),
        # Fashion items: 50,000 images, high similarity, moderate compute, accuracy.
        (50_000, "high", 180, "accuracy", "full", "Aggressive fine-tuning"),
        # Satellite patches: 5,000 images, low similarity, moderate compute, accuracy.
        (5_000, "low", 180, "accuracy", "partial", "Conservative fine-tuning"),
    ],
)
def test_worked_scenarios_of_the_course(
    images: int, similarity: Similarity, minutes: float, priority: Priority, expected: Kind, says: str
) -> None:
    given = answer(RULEBOOKS["course"], Situation(images, similarity, minutes, priority))
    assert (given.kind, given.says) == (expected, says)


@pytest.mark.parametrize(
    ("images", "similarity", "minutes", "priority", "expected", "parameters"),
    [
        (500, "high", 120, "accuracy", "linear_probe", ("1e-3", "all convolutional layers")),
        (500, "low", 120, "accuracy", "partial", ("1e-4", "the early layers")),
        (5_000, "medium", 120, "speed", "linear_probe", ("1e-3", "all convolutional layers")),
        (5_000, "medium", 120, "accuracy", "partial", ("1e-4", "last 2-3 blocks")),
        (50_000, "high", 120, "accuracy", "full", ("1e-5", "discriminative learning rates")),
        (50_000, "low", 400, "accuracy", "scratch", ("1e-3", "random weights")),
    ],
)
def test_practical_guidelines_of_the_course(
    images: int,
    similarity: Similarity,
    minutes: float,
    priority: Priority,
    expected: Kind,
    parameters: tuple[str, str],
) -> None:
    book = RULEBOOKS["course"]
    given = answer(book, Situation(images, similarity, minutes, priority))
    leaf = book.by_id[given.leaf]
    assert given.kind == expected
    assert isinstance(leaf, Leaf)
    assert leaf.learning_rate == parameters[0]
    assert parameters[1] in leaf.frozen


@pytest.mark.parametrize(
    ("expected", "epochs"),
    [("linear_probe", "10-20"), ("partial", "20-30"), ("full", "30-50"), ("scratch", "100-200")],
)
def test_epochs_of_the_course(expected: Kind, epochs: str) -> None:
    assert {leaf.epochs for leaf in RULEBOOKS["course"].leaves if leaf.kind == expected} == {epochs}


@pytest.mark.parametrize(
    ("images", "similarity", "says"),
    [
        (500, "high", "Feature extraction"),
        (500, "medium", "Feature extraction"),
        (500, "low", "Feature extraction + DA"),
        (5_000, "high", "Fine-tune top layers"),
        (5_000, "medium", "Fine-tune top layers"),
        (5_000, "low", "Progressive unfreezing + DA"),
        (50_000, "high", "Full fine-tuning"),
        (50_000, "low", "Full fine-tuning"),
        (500_000, "high", "Train from scratch (maybe)"),
        (500_000, "low", "Train from scratch (maybe)"),
    ],
)
def test_rows_of_the_workflow_table(images: int, similarity: Similarity, says: str) -> None:
    given = answer(RULEBOOKS["workflow"], Situation(images, similarity, 10, "accuracy"))
    assert given.says == says
    if "DA" in says:
        assert "needs a second, unlabelled folder of the same classes" in given.caveats[0]


def test_workflow_says_where_it_has_no_row() -> None:
    assert "no row" in answer(RULEBOOKS["workflow"], Situation(500, "medium", 10, "speed")).caveats[0]


@pytest.mark.parametrize(
    ("images", "similarity", "minutes", "expected", "stages"),
    [
        (999, "high", 10, "linear_probe", None),
        (1_000, "high", 10, "partial", 1),
        (1_000, "medium", 10, "partial", 2),
        (100_000, "low", 10, "partial", 2),
        (100_001, "low", 59.9, "partial", 2),
        (100_001, "low", 60, "full", None),
    ],
)
def test_classic_similarity_decides_how_many_stages(
    images: int, similarity: Similarity, minutes: float, expected: Kind, stages: int | None
) -> None:
    given = answer(RULEBOOKS["classic"], Situation(images, similarity, minutes, "accuracy"))
    assert (given.kind, given.trained_stages) == (expected, stages)


def test_course_trains_three_stages_when_conservative() -> None:
    stages = {leaf.trained_stages for leaf in RULEBOOKS["course"].leaves if leaf.kind == "partial"}
    assert stages == {3}


@pytest.mark.parametrize("name", RULEBOOKS)
def test_no_leaf_is_unreachable(name: str) -> None:
    book = RULEBOOKS[name]
    reached = {answer(book, situation).leaf for situation in EVERYWHERE}
    assert reached == {leaf.id for leaf in book.leaves}


@pytest.mark.parametrize("name", RULEBOOKS)
def test_the_path_can_be_lit_on_the_drawn_tree(name: str) -> None:
    book = RULEBOOKS[name]
    for situation in EVERYWHERE:
        given = answer(book, situation)
        node = book.root
        for step in given.path:
            assert (node.id, getattr(node, "text", "")) == (step.node, step.question)
            node = {branch.label: child for branch, child in book.children(node.id)}[step.answer]
        assert node.id == given.leaf
        assert given.source == book.source


@pytest.mark.parametrize("name", RULEBOOKS)
def test_walk_meets_every_node_once(name: str) -> None:
    walked = [node.id for _, node in RULEBOOKS[name].walk()]
    assert sorted(walked) == sorted(RULEBOOKS[name].by_id)
    assert next(RULEBOOKS[name].walk()) == (0, RULEBOOKS[name].root)


@pytest.mark.parametrize(
    ("name", "images", "minutes"),
    [
        ("course", (1_000, 10_000), (60, 360)),
        ("workflow", (1_000, 10_000, 100_000), ()),
        ("classic", (1_000, 100_000), (60,)),
    ],
)  # fmt: skip
def test_thresholds(name: str, images: tuple[int, ...], minutes: tuple[int, ...]) -> None:
    assert RULEBOOKS[name].thresholds("train_images") == images
    assert RULEBOOKS[name].thresholds("minutes") == minutes


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((0, "high", 10, "speed"), "Advice needs at least 1 training image, not 0."),
        ((10, "very", 10, "speed"), "Similarity is 'high', 'medium' or 'low', not 'very'."),
        ((10, "high", 0, "speed"), "The budget must be more than 0 minutes, not 0."),
        ((10, "high", float("nan"), "speed"), "The budget must be more than 0 minutes, not nan."),
        ((10, "high", 10, "both"), "The priority is 'speed' or 'accuracy', not 'both'."),
    ],
)
def test_impossible_situations(parts: tuple, message: str) -> None:
    with pytest.raises(PlanError) as error:
        Situation(*parts)
    assert str(error.value) == message


def test_unknown_rulebook() -> None:
    with pytest.raises(
        PlanError, match="no rulebook called 'bible'; choose one of course, workflow, classic"
    ):
        rulebook("bible")


def book_of(*nodes: Question | Leaf) -> Rulebook:
    return Rulebook(name="test", title="Test", source="", reading="", nodes=nodes)


def ask(*targets: str) -> Question:
    branches = tuple(Branch(t, "<", 10 * (i + 1), t) for i, t in enumerate(targets))
    return Question(id="q", text="?", field="train_images", branches=branches)


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        ((), "it is empty"),
        ((ask("a"),), "'a' is led to but not defined"),
        ((ask("a", "a"), Leaf("a", "full", "")), "'a' has two parents"),
        ((ask("a"), Leaf("a", "full", ""), Leaf("b", "full", "")), "nothing leads to 'b'"),
        ((ask("a"), Leaf("a", "full", ""), Leaf("a", "full", "")), "'a' is defined twice"),
        ((ask("q"),), "the root 'q' is led back to"),
    ],
)
def test_broken_trees_are_refused_whole(nodes: tuple[Question | Leaf, ...], problem: str) -> None:
    with pytest.raises(PlanError, match="Rulebook 'test' is not a tree") as error:
        book_of(*nodes)
    assert problem in str(error.value)


def test_a_gap_between_branches_is_named() -> None:
    book = book_of(ask("a"), Leaf("a", "full", ""))
    with pytest.raises(PlanError, match="Question 'q' has no branch for train_images = 10"):
        answer(book, Situation(10, "high", 1, "speed"))


def test_predicates_are_data() -> None:
    assert [Branch("", op, 5, "").holds(5) for op in ("<", "<=", ">", ">=")] == [False, True, False, True]
    with pytest.raises(PlanError, match="'in' takes a tuple of words"):
        Branch("x", "in", 5, "")
    with pytest.raises(PlanError, match="compares numbers and was given 'high'"):
        Branch("x", "<", 5, "").holds("high")
