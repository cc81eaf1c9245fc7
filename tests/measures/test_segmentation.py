"""Measures of masks on masks whose answer is known."""

from __future__ import annotations

import torch

from narrows.measures import (
    class_weights,
    intersection_over_union,
    pixel_confusion,
    position_prior,
)

TRUTH = torch.tensor([[[0, 0, 1, 1], [0, 255, 1, 1]]], dtype=torch.uint8)
FOUND = torch.tensor([[[0, 1, 1, 1], [0, 2, 1, 0]]], dtype=torch.uint8)


def test_confusion_and_intersection_over_union() -> None:
    confusion = pixel_confusion(TRUTH, FOUND, 3)
    assert confusion.tolist() == [[2, 1, 0], [1, 3, 0], [0, 0, 0]]
    assert intersection_over_union(confusion).tolist() == [0.5, 0.6, 0.0]


def test_the_position_prior_is_the_most_frequent_class() -> None:
    masks = torch.tensor([[[0, 2, 255]], [[1, 2, 1]], [[1, 0, 255]]], dtype=torch.uint8)
    assert position_prior(masks, 3).tolist() == [[1, 2, 1]]


def test_weights_are_the_median_frequency_over_the_own() -> None:
    # class 0: 5 of 8 pixels; class 1: 2 of 8; class 2: 1 of the 4 of the one mask that shows it
    masks = torch.tensor([[[0, 0, 0, 1]], [[0, 0, 2, 1]]], dtype=torch.uint8)
    weights = class_weights(masks, 4)
    shares = [5 / 8, 2 / 8, 1 / 4]
    assert torch.allclose(weights[:3], torch.tensor([0.25 / share for share in shares]))
    assert weights[3] == 1
