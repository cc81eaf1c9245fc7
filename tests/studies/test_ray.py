"""Ray & Hannon 2022: table 1, its figures, the open questions, and what its measures rest on."""

import torch

from narrows_studies import DOCUMENTS
from narrows_studies.ray import OPEN, TABLE
from narrows_studies.ray_faces import error

DOCUMENT = DOCUMENTS["ray-2022"]


def test_every_figure_and_the_table_have_a_place():
    labels = {label for one in DOCUMENT.experiments for label in one.labels}
    assert labels == {
        *("table 1", "figure 4", "figure 5", "figure 6", "§5"),
        *("table 1 on other faces", "table 1 seeds", "§5 search"),
    }
    assert set(DOCUMENT.explained) == {"figure 1", "figure 2", "figure 3"}


def test_table_1_has_its_eight_models_and_the_numbers_that_are_printed():
    printed = sorted(number for _, number in TABLE.values())
    assert printed == [239, 258, 455, 467, 643, 643, 2020, 7831]


def test_the_open_questions_are_answered():
    assert {"upsampling", "max-pooling", "a loss per layer"} < set(OPEN)


def test_the_error_is_summed_over_a_picture():
    x = torch.zeros(5, 3, 4, 4)
    assert error(x, x + 0.5) == 3 * 4 * 4 * 0.25
