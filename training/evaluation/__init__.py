"""What one run's answers on the test images are worth: scores, intervals, confusion, calibration."""

from typing import TYPE_CHECKING

from core.door import door

if TYPE_CHECKING:
    from training.evaluation.answers import (
        Answers,
        answered,
        answers_of,
        class_name,
        paired_tests,
        read_answers,
        shared_answers,
    )
    from training.evaluation.calibration import temperature
    from training.evaluation.confusion import cell, matrix, most_confused, most_mistaken
    from training.evaluation.held_out import FOLDS, folds, stratified
    from training.evaluation.reliability import Bin, bins
    from training.evaluation.scores import Scores, calibration_error
    from training.evaluation.stats import (
        flips,
        holm,
        mean_over_seeds,
        paired_p,
        rho_of_all,
        seed_rho,
        seeds_test,
        together,
        wilson,
    )
else:
    __getattr__ = door(__name__)

__all__ = [
    "FOLDS",
    "Answers",
    "Bin",
    "Scores",
    "answered",
    "answers_of",
    "bins",
    "calibration_error",
    "cell",
    "class_name",
    "flips",
    "folds",
    "holm",
    "matrix",
    "mean_over_seeds",
    "most_confused",
    "most_mistaken",
    "paired_p",
    "paired_tests",
    "read_answers",
    "rho_of_all",
    "seed_rho",
    "seeds_test",
    "shared_answers",
    "stratified",
    "temperature",
    "together",
    "wilson",
]
