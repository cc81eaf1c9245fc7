"""Every figure of Canziani's document has its place, and what his experiments stand on."""

import pytest
import torch

from narrows_studies import DOCUMENTS
from narrows_studies.canziani_manifolds import Points, arc, branches, curve, expected

# issue: figures 1 to 27, PCA by tied weights, and the model that learns by heart
WANTED = {f"figure {number}" for number in range(1, 28)} | {
    "PCA by tied weights",
    "one number per point",
}


def test_the_labels_are_the_figures_of_the_document():
    paper = DOCUMENTS["canziani-2020"]
    labels = {label for one in paper.experiments for label in one.labels}
    assert labels | set(paper.explained) == WANTED
    assert set(paper.explained) == {"figure 1", "figure 13"}


def test_points_are_not_rounded():
    points = torch.tensor([[0.12345, -3.0], [1.5, 0.0]])
    source = Points(points)
    assert source.shape == (1, 1, 2) and len(source) == 2
    assert torch.equal(source.batch(torch.tensor([1, 0])).reshape(2, 2), points.flip(0))


def test_the_best_denoiser_is_the_mean_of_the_training_points_that_are_near():
    known = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    half_way = torch.tensor([[3.0, 0.0]])
    assert torch.allclose(expected(half_way, known, 0.5), torch.zeros(1, 2), atol=1e-6)
    near = torch.tensor([[0.2, 0.9]])
    assert torch.allclose(expected(near, known, 0.25), known[:1], atol=1e-4)


def test_steps_along_the_arc_follow_it_and_those_across_leave_it():
    t = torch.linspace(0.1, 0.9, 50, dtype=torch.float64)
    here, along, across = arc(t)
    there = arc(t + 1e-6)[0]
    way = (there - here) / (there - here).norm(dim=1, keepdim=True)
    assert (way * along).sum(1).min() > 1 - 1e-6
    assert (along * across).sum(1).abs().max() < 1e-6
    assert across.norm(dim=1).tolist() == pytest.approx([1.0] * 50)
    assert here.min() > 0 and here.max() < 1


def test_branches_lie_a_unit_apart_and_the_curve_does_not_meet_itself():
    t = torch.linspace(-1, 1, 30)
    upper, lower = branches(t).chunk(2)
    assert torch.allclose(upper - lower, torch.tensor([0.0, 1.0]))
    places = curve(torch.linspace(0, 1, 200))
    far = torch.arange(200)[:, None].sub(torch.arange(200)).abs() > 40
    assert torch.cdist(places, places)[far].min() > 0.5
