"""Lingrand 2021: an autoencoder's vectors are not forced to be orthogonal, and their variances tend to be equal."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.measures import Pca, directions, participation_ratio


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_rows_of_pca_are_orthogonal_and_its_variances_are_its_own(
    digits: nw.images.Images,
) -> None:
    pca = Pca.fit(digits, 8)
    found = directions(pca.components, digits)
    assert found.angles.shape == (28,) and found.angles.min() > 89.99
    assert found.variances == pytest.approx(pca.variances.numpy(), rel=1e-5)


def test_a_mixture_of_pca_keeps_its_space_and_its_error_and_neither_angles_nor_variances(
    digits: nw.images.Images,
) -> None:
    pca = Pca.fit(digits, 8)
    mixed = normal(8, 8) @ pca.components  # a linear autoencoder of the same error
    found, own = directions(mixed, digits), directions(pca.components, digits)
    assert found.angles.mean() < 80
    assert participation_ratio(found.variances) > participation_ratio(own.variances) + 0.1
    # no direction has more than the first component, or less than the last of that space
    assert own.variances[-1] - 1e-6 < found.variances[-1] < found.variances[0] < own.variances[0]


def test_a_trained_linear_autoencoder_has_her_vectors_and_not_those_of_pca(
    digits: nw.images.Images,
) -> None:
    recipe = nw.recipes.linear_autoencoder(digits.shape, 8)
    recipe = recipe.with_(epochs=30, batch_size=64, learning_rate=0.02, optimizer="adam")
    model = nw.fit(recipe, digits, report="quiet", device="cpu")
    pca = Pca.fit(digits, 8)
    x = digits.batch(torch.arange(len(digits)))
    errors = [
        float((x - y).square().mean()) for y in (model.reconstruct(digits), pca.reconstruct(x))
    ]
    assert errors[0] / errors[1] < 1.05  # it is as good, by other vectors
    own = directions(pca.components, digits).document()
    rung = model.ladder.rung(0)
    for vectors in (rung.linear_down.weight, rung.linear_up.weight.T):
        found = directions(vectors, digits).document()
        assert found["mean_angle"] < 85 and found["least_angle"] < 75 < own["least_angle"]
        assert found["participation_ratio"] > own["participation_ratio"] + 0.1
        assert found["largest_to_least"] < own["largest_to_least"] / 1.5


def test_angles_are_those_of_lines_whatever_their_lengths_and_signs() -> None:
    angle = math.radians(30)
    vectors = np.array([[1, 0, 0], [math.cos(angle), math.sin(angle), 0], [0, 0, 1]])
    x = normal(500, 1, 1, 3).sigmoid()
    found = directions(vectors, x)
    assert found.angles == pytest.approx([30, 90, 90], abs=1e-6)
    scaled = directions(vectors * np.array([[-3], [1e-3], [7]]), x)
    assert scaled.angles == pytest.approx(found.angles, abs=1e-6)
    assert scaled.variances == pytest.approx(found.variances)


def test_vectors_at_random_are_as_far_apart_as_is_said() -> None:
    found = directions(normal(300, 32), np.zeros((2, 4, 8), np.uint8))
    assert np.cos(np.radians(found.angles)).mean() == pytest.approx(
        math.sqrt(2 / (math.pi * 32)), rel=0.02
    )
    assert not found.variances.any()


def test_evenness_at_its_ends() -> None:
    assert participation_ratio([2, 2, 2]) == 1 and participation_ratio([0, 5, 0, 0]) == 0.25
    assert participation_ratio([1e-200, 1e-200]) == 1
    for wrong in ([], [0, 0], [1, -1], [math.nan]):
        with pytest.raises(ValueError, match="variances from 0"):
            participation_ratio(wrong)


def test_what_has_no_direction_is_refused() -> None:
    x = np.zeros((2, 4, 8), np.uint8)
    for vectors, said in (
        (normal(1, 32), "two vectors or more of 32 numbers"),
        (normal(3, 31), r"we got \(3, 31\)"),
        (torch.zeros(3, 32), "length 0"),
        (torch.full((3, 32), math.nan), "not finite"),
    ):
        with pytest.raises(ValueError, match=said):
            directions(vectors, x)
