"""Every figure of Kovenko & Bogach 2020, and what the issue asks for beside them."""

import torch

from narrows.images.corruptions import Warp
from narrows.measures import squared_error
from narrows.randomness import Draws
from narrows_studies import DOCUMENTS
from narrows_studies.kovenko_choices import _worth
from narrows_studies.kovenko_denoising import _turned_back
from narrows_studies.kovenko_faces import faces

FIGURES = {f"figure {n}" for n in (4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16)}
CLAIMS = {
    *("§1 PCA", "§3.1 MSE or MAE", "§3.1 pooling", "§3.2 transfer", "§3.2 rotation"),
    *("§4.2 inactive units", "§5 longer", "§5 feature-wise"),
}
DIAGRAMS = {"figure 1", "figure 2", "figure 3", "figure 11"}


def test_it_has_every_figure_and_what_the_text_claims_without_one():
    paper = DOCUMENTS["kovenko-2020"]
    assert {label for one in paper.experiments for label in one.labels} == FIGURES | CLAIMS
    assert set(paper.explained) == DIAGRAMS
    assert {f"figure {n}" for n in range(1, 17)} == FIGURES | DIAGRAMS


def test_the_tenth_that_the_document_leaves_out_is_what_we_judge_on(lab):
    of = faces(lab)
    assert len(of.train) + len(of.validation) + len(of.test) == len(
        lab.images("anime_faces", size=64)
    )
    assert len(of.train) > len(of.validation) >= len(of.test) == len(of.x) > 0


def test_an_error_lies_between_two_sizes_of_pca():
    linear = {2: 0.3, 4: 0.2, 8: 0.1}
    assert _worth(0.15, linear) == "between PCA of 4 and of 8"
    assert _worth(0.05, linear) == "more than PCA of 8"
    assert _worth(0.4, linear) == "less than PCA of 2"


def test_a_linear_map_turns_faces_back_in_part(lab):
    of = faces(lab)
    turned = Warp(20, 0, 0)(of.x, Draws(3))
    back = _turned_back(of, Warp(20, 0, 0))(turned)
    assert (
        squared_error(of.x, back).mean()
        < squared_error(of.x, of.train.batch(torch.arange(len(of.x)))).mean()
    )
