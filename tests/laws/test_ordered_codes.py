"""Ordered codes: of linear maps they are principal components, and lengths are drawn as they should be."""

from __future__ import annotations

import re

import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Ordered, first_numbers
from narrows.measures import Pca
from narrows.parts import Part

SHAPE = (1, 3, 4)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Normal numbers of 12 values, whose three widest directions stand at 45 degrees to the pixels."""
    source = torch.Generator().manual_seed(0)
    axes, _ = torch.linalg.qr(torch.randn(12, 12, generator=source))
    wide = torch.tensor([0.16, 0.10, 0.06] + [0.01] * 9)
    z = torch.randn(512, 12, generator=source) * wide
    return (((0.5 + z @ axes.T).clamp(0, 1) * 255).round() / 255).reshape(-1, *SHAPE)


@pytest.fixture(scope="module")
def linear(pictures) -> nw.Autoencoder:
    """At the least of the loss that training draws its lengths for: the mean over all of them."""
    torch.manual_seed(0)
    ladder = Part("dense", {"shape": SHAPE, "widths": (12,), "activation": "identity"})
    likelihood = Part("mse", {"output": "identity"})
    model = nw.Autoencoder(ladder, Part("ordered", {"size": 3}), likelihood).double()
    x = pictures.double()
    with torch.no_grad():  # the rung passes pictures on, about their mean
        rung = model.ladder.rungs[0]
        rung.linear_down.weight.copy_(5 * torch.eye(12))
        rung.linear_up.weight.copy_(torch.eye(12) / 5)
        rung.linear_down.bias.copy_(-5 * x.mean(0).flatten())
        rung.linear_up.bias.copy_(x.mean(0).flatten())
    shares = torch.bincount(model.bottleneck.lengths(torch.rand(4000)))[1:] / 4000
    mover = torch.optim.LBFGS(
        model.bottleneck.parameters(), max_iter=150, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        mover.zero_grad()
        z = model.posterior(x).z
        errors = [(model.raw(first_numbers(z, k)) - x).square().sum() for k in (1, 2, 3)]
        value = sum(share * error for share, error in zip(shares, errors, strict=True))
        value.backward()
        return value

    mover.step(loss)
    return model.float().eval()


def test_the_axes_of_a_linear_ordered_code_are_principal_components(linear, pictures) -> None:
    pca = Pca.fit(pictures, 3)
    origin = linear.decode(torch.zeros(1, 3)).detach().flatten()
    for k in range(3):  # one number moves the picture along one axis
        moved = linear.decode(torch.eye(3)[k : k + 1]).detach().flatten() - origin
        alignment = torch.nn.functional.normalize(moved, dim=0) @ pca.components.T
        assert float(alignment[k].abs()) > 0.99, k


def test_the_first_numbers_are_as_good_as_pca_with_as_many(linear, pictures) -> None:
    pca = Pca.fit(pictures, 3)
    for k in (1, 2, 3):
        found = nw.reconstruct(linear, pictures, numbers=k)
        z = pca.encode(pictures)
        wanted = pca.decode(first_numbers(z, k)).clamp(0, 1)
        assert float(found.mse.mean()) < 1.02 * float((wanted - pictures).square().mean())
    whole = nw.reconstruct(linear, pictures)
    assert torch.allclose(whole.reconstructions, found.reconstructions, atol=1e-6)


def test_lengths_are_drawn_in_proportion_to_one_over_the_root_of_k() -> None:
    bottleneck = Ordered((20,), 16)
    k = bottleneck.lengths(torch.arange(100_000) / 100_000)
    shares = torch.bincount(k, minlength=17)[1:] / len(k)
    wanted = (torch.arange(1, 17) + 1).sqrt() - torch.arange(1, 17).sqrt()
    assert torch.allclose(shares, wanted / wanted.sum(), atol=1e-4)
    least = Ordered((20,), 16, shortest=5).lengths(torch.rand(1000))
    assert set(least.tolist()) == set(range(5, 17))


def test_training_drops_a_tail_and_evaluation_nothing(linear, pictures) -> None:
    linear.train()
    z = linear.posterior(pictures, samples=1).z[0]
    there = (z != 0).int()
    assert bool((there.diff(dim=1) <= 0).all())  # once silent, silent to the end
    assert 0.3 < float(there.float().mean()) < 0.9
    assert bool((linear.posterior(pictures).z != 0).all())
    linear.eval()
    assert bool((linear.posterior(pictures, samples=1).z != 0).all())


def test_samples_of_a_picture_share_the_lengths_out(linear, pictures) -> None:
    linear.train()
    with torch.no_grad():
        k = (linear.posterior(pictures, samples=3).z != 0).sum(2)
    linear.eval()
    assert bool((k[0] <= k[1]).all() and (k[1] <= k[2]).all())
    assert set(k.flatten().tolist()) == {1, 2, 3}


def test_maps_keep_their_first_channels() -> None:
    z = torch.ones(2, 4, 3, 3)
    assert first_numbers(z, 3).sum((1, 2, 3)).tolist() == [27, 27]
    assert first_numbers(z, torch.tensor([1, 4])).sum((1, 2, 3)).tolist() == [9, 36]


def test_what_is_no_length_is_refused(linear, pictures) -> None:
    with pytest.raises(ValueError, match=re.escape("the first 1 to 3 are a code; we got 4")):
        nw.reconstruct(linear, pictures, numbers=4)
    with pytest.raises(ValueError, match="the shortest code has 1 to 4"):
        Ordered((8,), 4, shortest=5)
    plain = nw.recipes.mlp_autoencoder(SHAPE, 2, widths=(4,)).build()
    with pytest.raises(ValueError, match="the bottleneck of this model is 'point'"):
        nw.reconstruct(plain, pictures, numbers=1)
