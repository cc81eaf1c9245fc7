"""The likelihood of a mask: a weighted cross-entropy, and nothing where there is no class."""

from __future__ import annotations

import pytest
import torch

from narrows.objectives import Categorical


@pytest.fixture
def raw() -> torch.Tensor:
    return torch.randn(2, 1 + 3, 4, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def x() -> torch.Tensor:
    classes = torch.randint(0, 3, (2, 4, 5), generator=torch.Generator().manual_seed(1))
    mask = torch.nn.functional.one_hot(classes, 3).permute(0, 3, 1, 2).float()
    return torch.cat([torch.rand(2, 1, 4, 5), mask], 1)


def test_it_is_the_cross_entropy(raw, x) -> None:
    weights = torch.tensor([1.0, 2.5, 0.5])
    found = Categorical(3, weights.tolist()).log_prob(raw, x)
    each = torch.nn.functional.cross_entropy(
        raw[:, 1:], x[:, 1:].argmax(1), weight=weights, reduction="none"
    )
    torch.testing.assert_close(found, -each.sum((1, 2)))


def test_void_and_the_picture_add_nothing(raw, x) -> None:
    likelihood = Categorical(3)
    whole = likelihood.log_prob(raw, x)
    other = x.clone()
    other[:, 0] = 0.3
    assert torch.equal(likelihood.log_prob(raw, other), whole)
    x[:, 1:, 2] = 0
    rows = [0, 1, 3]
    assert torch.allclose(
        likelihood.log_prob(raw, x), likelihood.log_prob(raw[:, :, rows], x[:, :, rows])
    )


def test_probabilities_of_the_classes_sum_to_one(raw) -> None:
    mean = Categorical(3).mean(raw)
    assert mean.shape == raw.shape and 0 <= mean.min() and mean.max() <= 1
    torch.testing.assert_close(mean[:, 1:].sum(1), torch.ones(2, 4, 5))


def test_what_is_refused(raw) -> None:
    with pytest.raises(ValueError, match="a mask has at least 2 classes; we got 1"):
        Categorical(1)
    with pytest.raises(ValueError, match="3 classes have as many weights above 0"):
        Categorical(3, [1, 2])
    with pytest.raises(ValueError, match="a mask of 5 classes has as many channels; we got 4"):
        Categorical(5).mean(raw)
