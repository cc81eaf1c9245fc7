"""A classifier two-sample test, on sets whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.measures import SampleDistance, two_sample_test


def normal(n: int, seed: int, mean: float = 0.0, width: float = 1.0, size: int = 1) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(0, width, (n, size))
    rows[:, 0] += mean
    return rows


def test_one_distribution_is_told_by_chance_alone() -> None:
    found = [two_sample_test(normal(120, 2 * i, size=3), normal(120, 2 * i + 1, size=3)) for i in range(60)]  # fmt: skip
    assert np.mean([one.accuracy for one in found]) == pytest.approx(0.5, abs=0.025)
    false = np.mean([one.p_value < 0.05 for one in found])
    assert false <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 60)
    assert found[0].tested == 120


def test_far_apart_is_told_always() -> None:
    found = two_sample_test(normal(60, 0), normal(90, 1, mean=20))
    assert found.accuracy == 1 and found.p_value == pytest.approx(0.5**60)
    assert str(found).startswith("a classifier tells the sets apart in 100.0% of 60 held-out rows")


@pytest.mark.parametrize("distance", [1.0, 2.0])
def test_two_normals_are_told_as_well_as_bayes_could(distance: float) -> None:
    """Φ(d/2) is the best there is; √n neighbours come near it."""
    best = 0.5 * (1 + math.erf(distance / 2 / math.sqrt(2)))
    found = two_sample_test(normal(3000, 0), normal(3000, 1, mean=distance))
    assert best - 0.03 < found.accuracy < best + 0.03


def test_widths_alone_are_told_where_means_are_equal() -> None:
    found = two_sample_test(normal(600, 0, size=4), normal(600, 1, width=2.0, size=4))
    assert found.accuracy > 0.7 and found.p_value < 1e-6


def test_scales_of_features_do_not_count() -> None:
    a, b = normal(200, 0, size=3), normal(200, 1, mean=1.0, size=3)
    scale = np.array([1e-3, 1.0, 1e4])
    assert two_sample_test(a * scale + 5, b * scale + 5) == two_sample_test(a, b)


def test_drawn_pictures_are_told_and_real_ones_are_not() -> None:
    digits = nw.images.named("digits").select(range(400))
    distance, real = SampleDistance.of(digits), digits.batch(torch.arange(400))
    assert distance.told(real[1::2]).p_value > 0.01
    noise = torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert distance.told(noise).accuracy > 0.99


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (normal(20, 0), normal(20, 1, size=2), r"were wanted; we got \(20, 1\) and \(20, 2\)"),
        (normal(20, 0), normal(7, 1), "takes 8 rows of each set; we got 20 and 7"),
        (normal(20, 0), normal(20, 1) * np.nan, "NaN or infinite"),
    ],
)
def test_what_is_no_pair_of_sets_is_refused(a, b, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        two_sample_test(a, b)
