"""Drawing, the manifold and traversals, on a decoder that can be read."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows.applications import decode_samples, decoder, manifold, traverse
from narrows.applications.generate import along, principal_axes
from narrows.randomness import Draws


def decode(z: Tensor, progress=None) -> Tensor:
    """Two units as two pixels; further ones change nothing."""
    return z.flatten(1)[:, :2].reshape(-1, 1, 1, 2)


def normal(n: int, seed: int) -> Tensor:
    return Draws(seed).normal("test", (n, 2))


def test_generate_decodes_what_was_drawn() -> None:
    found = decode_samples(decode, normal, 5, seed=2)
    assert torch.equal(found.codes, normal(5, 2))
    assert torch.equal(found.pictures, decode(found.codes))
    assert torch.equal(found.codes, decode_samples(decode, normal, 5, seed=2).codes)
    with pytest.raises(ValueError, match="at least 1 picture is drawn; we got n=0"):
        decode_samples(decode, normal, 0)


def test_the_manifold_is_ordered_and_equally_probable() -> None:
    found = manifold(decode, torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0]), 5, share=0.8)
    plane = found.pictures.reshape(5, 5, 2)
    assert torch.equal(plane[3, :, 0], found.first)  # to the right
    assert torch.equal(plane[:, 2, 1], found.second.flip(0))  # upwards
    shares = torch.special.ndtr((found.first - 1) / 2)
    assert torch.allclose(shares, torch.linspace(0.1, 0.9, 5), atol=1e-5)
    assert float(found.first[2]) == 1 and float(found.second[2]) == 0


def test_the_manifold_needs_two_numbers() -> None:
    with pytest.raises(ValueError, match="codes of two numbers; this model's have 3"):
        manifold(decode, torch.zeros(3), torch.ones(3))
    with pytest.raises(ValueError, match="side of at least 2"):
        manifold(decode, torch.zeros(2), torch.ones(2), 1)


def test_a_traversal_moves_one_unit_and_the_strongest_come_first() -> None:
    mean, deviation = torch.tensor([0.5, 0.5, 0.5]), torch.tensor([0.01, 0.1, 0.2])
    found = traverse(decode, mean, deviation, steps=3, reach=2)
    assert found.units.tolist() == [1, 0, 2]
    assert torch.allclose(found.deviations, torch.tensor([-2.0, 0.0, 2.0]))
    assert torch.allclose(found.pictures[0, :, 0, 0, 1], torch.tensor([0.3, 0.5, 0.7]))
    assert torch.allclose(found.pictures[0, :, 0, 0, 0], torch.full((3,), 0.5))
    assert torch.allclose(found.effects, torch.tensor([0.2, 0.02, 0.0]) / math.sqrt(2), atol=1e-6)
    named = traverse(decode, mean, deviation, [2, 1], steps=3)
    assert named.units.tolist() == [2, 1] and named.pictures.shape == (2, 3, 1, 1, 2)


def test_axes_are_of_what_changes_the_picture_and_begin_at_the_code() -> None:
    """Unit 2 draws nothing and varies most; units 0 and 1 go together."""
    source = torch.Generator().manual_seed(0)
    t, quiet, loud = torch.randn(3, 400, generator=source)
    codes = torch.stack([0.2 * t, 0.1 * t + 0.01 * quiet, 9 * loud], 1) + 0.5
    start = torch.tensor([0.4, 0.6, 1.0])
    axes = principal_axes(decode, start, codes)
    assert axes[0, :2] == pytest.approx(torch.tensor([0.2, 0.1]) * axes[0, 0].sign(), rel=0.1)
    found = along(decode, start, axes[:1], steps=3, reach=2)
    assert found.axes and found.pictures.shape == (1, 3, 1, 1, 2)
    assert torch.allclose(found.pictures[0, 1, 0, 0], start[:2])
    assert torch.allclose(found.pictures[0, 2, 0, 0], start[:2] + 2 * axes[0, :2], atol=1e-6)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"units": [3]}, "units 0 to 2; we got 3"),
        ({"steps": 1}, "at least 2 steps"),
        ({"reach": 0.0}, "a reach above 0"),
        ({"reach": math.nan}, "a reach above 0"),
    ],
)
def test_traversals_that_cannot_be(given, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        traverse(decode, torch.zeros(3), torch.ones(3), **given)


def test_a_decoder_goes_in_batches_and_draws_what_a_hierarchy_leaves_open(digits) -> None:
    recipe = nw.recipes.sonderby_2016_ladder_vae(digits.shape)
    model = recipe.build().eval()
    z = torch.randn(7, *model.code_shape, generator=torch.Generator().manual_seed(0))
    told = []
    means = decoder(model, batch_size=3)(z, progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 7), (6, 7), (7, 7)]
    assert torch.allclose(means, decoder(model)(z), atol=1e-6)
    assert not means.requires_grad and not model.training
    drawn = decoder(model, seed=1)
    assert torch.equal(drawn(z), drawn(z))
    assert not torch.equal(drawn(z), decoder(model, seed=2)(z))
