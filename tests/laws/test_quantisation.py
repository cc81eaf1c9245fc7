"""Quantisers against brute force, their formulas by hand, and the limits of their books."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import narrows as nw
from narrows.bottlenecks import FiniteScalar, VectorQuantised
from narrows.bottlenecks.quantised import nearest
from narrows.networks import dense_ladder
from narrows.objectives import Elbo
from narrows.randomness import Draws
from narrows.training.schemes import Batch, EndToEnd


@given(count=st.integers(1, 40), width=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_the_nearest_entry_is_that_of_brute_force(count: int, width: int, seed: int) -> None:
    source = torch.Generator().manual_seed(seed)
    book = torch.randn(count, width, generator=source)
    vectors = torch.randn(3, 7, width, generator=source)
    distances = (vectors.double()[..., None, :] - book.double()).square().sum(-1)
    found = distances.gather(-1, nearest(vectors, book)[..., None])[..., 0]
    assert torch.allclose(found, distances.min(-1).values, atol=1e-5)


def test_an_entry_is_nearest_to_itself() -> None:
    book = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(nearest(book, book), torch.arange(50))


def test_the_book_follows_the_running_means() -> None:
    """N ← γ N + (1 − γ) n, m ← γ m + (1 − γ) Σ z, e = m / N (van den Oord et al. 2017, A.1)."""
    torch.manual_seed(0)
    bottleneck = VectorQuantised((6,), 4, groups=2, entries=3, decay=0.7).train()
    n, m = torch.zeros(3), torch.zeros(3, 2)
    with torch.no_grad():
        bottleneck.idle.zero_()
        for step in range(20):
            exact = torch.randn(5, 4)
            indices = bottleneck.nearest(exact)
            code = SimpleNamespace(indices=indices, unquantised=exact)
            for i in range(3):
                mine = exact.reshape(-1, 2)[indices.flatten() == i]
                n[i] = 0.7 * n[i] + 0.3 * len(mine)
                m[i] = 0.7 * m[i] + 0.3 * mine.sum(0)
            bottleneck.after_step(SimpleNamespace(code=code, draws=Draws(0, step)))
    assert torch.allclose(bottleneck.counts, n, rtol=1e-5)
    assert torch.allclose(bottleneck.book, m / n[:, None], rtol=1e-4, atol=1e-6)


def test_a_book_at_the_means_of_its_vectors_stays() -> None:
    bottleneck = VectorQuantised((6,), 2, groups=1, entries=2).train()
    exact = torch.tensor([[1.0, 0.0], [3.0, 0.0], [-2.0, 1.0]])
    with torch.no_grad():
        bottleneck.book.copy_(torch.tensor([[2.0, 0.0], [-2.0, 1.0]]))
        bottleneck.idle.zero_()
    code = SimpleNamespace(indices=bottleneck.nearest(exact), unquantised=exact)
    for number in range(5):
        bottleneck.after_step(SimpleNamespace(code=code, draws=Draws(0, number)))
    assert torch.allclose(bottleneck.book, torch.tensor([[2.0, 0.0], [-2.0, 1.0]]))


def test_the_order_of_the_batch_does_not_matter() -> None:
    torch.manual_seed(0)
    exact = torch.randn(12, 4)
    books = []
    for order in (torch.arange(12), torch.randperm(12)):
        torch.manual_seed(1)
        bottleneck = VectorQuantised((6,), 4, groups=2, entries=3).train()
        bottleneck.idle.zero_()
        given = exact[order]
        code = SimpleNamespace(indices=bottleneck.nearest(given), unquantised=given)
        bottleneck.after_step(SimpleNamespace(code=code, draws=Draws()))
        books.append(bottleneck.book)
    assert torch.allclose(books[0], books[1], atol=1e-6)


def test_the_loss_is_that_of_the_paper() -> None:
    """−log p + β ‖z_e − sg(e)‖², with the likelihood's gradient passed straight through (eq. 3)."""
    torch.manual_seed(0)
    ladder = dense_ladder((1, 3, 2), (5,), activation="tanh")
    box = VectorQuantised((5,), 4, entries=6, commitment=0.5)
    model = nw.Autoencoder(ladder, box, nw.objectives.Gaussian(0.1, "identity"))
    x = torch.rand(3, 1, 3, 2)
    step = EndToEnd()(model, Batch(x, x, 1, 0.0, 0, Draws()))
    loss = Elbo().loss(step)

    exact = box.head(ladder.step_down(0, x)[0])
    entry = box.lookup(box.nearest(exact)).requires_grad_()
    up = ladder.step_up(0, torch.tanh(box.tail(entry)))
    squares = (x - up).square().flatten(1).sum(1) / 0.2
    likelihood = (squares + 3 * math.log(2 * math.pi * 0.1)).mean()
    commitment = 0.5 * (exact - entry.detach()).square().sum(1).mean()
    assert torch.allclose(loss.total, likelihood + commitment)
    assert torch.allclose(loss.terms["aux_loss"], commitment)

    (passed,) = torch.autograd.grad(likelihood, entry)
    (wanted,) = torch.autograd.grad(
        commitment + (exact * passed).sum(), box.head.weight, retain_graph=True
    )
    (found,) = torch.autograd.grad(loss.total, box.head.weight)
    assert torch.allclose(found, wanted, atol=1e-6)


@given(levels=st.lists(st.integers(2, 9), min_size=1, max_size=4), seed=st.integers(0, 1000))
@settings(max_examples=30)
def test_finite_scalars_number_all_of_their_entries(levels: list[int], seed: int) -> None:
    """Indices → codes → indices, and every code's units are of the n levels from −1 to 1."""
    bottleneck = FiniteScalar((3,), len(levels), levels=levels)
    indices = torch.arange(bottleneck.entries)[:, None]
    codes = bottleneck.lookup(indices)
    assert bottleneck.entries == math.prod(levels) == len(codes.unique(dim=0))
    assert torch.equal(bottleneck.nearest(codes), indices)
    for unit, n in zip(codes.T, levels, strict=True):
        assert torch.allclose(unit.unique(), torch.linspace(-1, 1, n), atol=1e-6)
    z = torch.rand(20, len(levels), generator=torch.Generator().manual_seed(seed)) * 2 - 1
    rounded = bottleneck.lookup(bottleneck.nearest(z))
    half = 1 / (torch.tensor(levels) - 1)
    assert bool(((rounded - z).abs() <= half + 1e-5).all())


@pytest.mark.parametrize("levels", [2, 5, (2, 3)])
def test_finite_scalars_take_no_more_than_their_levels(levels) -> None:
    torch.manual_seed(0)
    ladder = dense_ladder((1, 3, 2), (5,), activation="tanh")
    bottleneck = FiniteScalar((5,), 2, levels=levels)
    with torch.no_grad():
        bottleneck.head.weight.mul_(50)
    descent = ladder.descend(torch.rand(500, 1, 3, 2))
    z = bottleneck.encode(descent, ladder, None, Draws()).z
    most = levels**2 if isinstance(levels, int) else 6
    assert 1 < len(z.unique(dim=0)) <= most and float(z.abs().max().detach()) == 1.0


def test_the_gradient_of_a_finite_scalar_is_that_of_tanh() -> None:
    torch.manual_seed(0)
    ladder = dense_ladder((1, 3, 2), (5,), activation="tanh")
    bottleneck = FiniteScalar((5,), 2)
    descent = ladder.descend(torch.rand(4, 1, 3, 2))
    bottleneck.encode(descent, ladder, None, Draws()).z.sum().backward()
    found = bottleneck.head.bias.grad.clone()
    bottleneck.head.bias.grad = None
    bottleneck.head(descent.levels[-1].detach()).tanh().sum().backward()
    assert torch.allclose(found, bottleneck.head.bias.grad)
