"""A linear autoencoder finds the space that PCA spans (Baldi & Hornik 1989)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows.measures import Pca


def pca(images: nw.images.Images, size: int) -> tuple[float, Tensor]:
    """PCA's squared error per picture with ``size`` components, and these, (D, size)."""
    x = images.batch(torch.arange(len(images))).flatten(1).double()
    centred = x - x.mean(0)
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(x))
    return float(variances[:-size].sum()), directions[:, -size:]


def trained(
    images: nw.images.Images, size: int, tied: bool = False, **numbers: float
) -> nw.Autoencoder:
    recipe = nw.recipes.linear_autoencoder(images.shape, size).with_(**numbers)
    recipe = recipe.with_(ladder=recipe.ladder.with_(tied=tied))
    return nw.fit(recipe, images, report="quiet", device="cpu")


def error(model: nw.Autoencoder, images: nw.images.Images) -> float:
    """The squared error per picture."""
    x = images.batch(torch.arange(len(images)))
    return float((x - model.reconstruct(images)).double().square().flatten(1).sum(1).mean())


def cosine_of_largest_angle(a: Tensor, b: Tensor) -> float:
    """Between the spaces that two sets of columns span."""
    bases = [torch.linalg.qr(columns.detach().double()).Q for columns in (a, b)]
    return float(torch.linalg.svdvals(bases[0].T @ bases[1]).min())


@pytest.mark.parametrize("tied", [False, True])
def test_on_digits(digits: nw.images.Images, tied: bool) -> None:
    """Four components, because the widest gap of the digits' variances is after the fourth."""
    best, directions = pca(digits, 4)
    model = trained(digits, 4, tied, epochs=60, batch_size=64, learning_rate=0.05)
    assert 1 - 1e-6 < error(model, digits) / best < 1.01
    rung = model.ladder.rung(0)
    columns = rung.linear_down.weight.T if tied else rung.linear_up.weight
    assert cosine_of_largest_angle(columns, directions) > 0.99


@pytest.mark.slow
def test_the_recipe_as_it_stands_on_digits(digits: nw.images.Images) -> None:
    best, _ = pca(digits, 16)
    assert 1 - 1e-6 < error(trained(digits, 16), digits) / best < 1.01


@pytest.mark.slow
def test_the_recipe_as_it_stands_on_pictures_in_colour(stored_sets: Path) -> None:
    faces = nw.images.folder(stored_sets / "utkface" / "images", size=64).select(range(560))
    x = faces.batch(torch.arange(len(faces)))
    linear = Pca.fit(faces, 16)
    best = float((linear.reconstruct(x) - x).square().flatten(1).sum(1).mean())
    assert 1 - 1e-3 < error(trained(faces, 16), faces) / best < 1.01


@pytest.mark.slow
def test_on_mnist(mnist: nw.images.Images) -> None:
    best, _ = pca(mnist, 16)
    model = trained(mnist, 16, epochs=3, batch_size=256, learning_rate=0.02)
    assert 1 - 1e-6 < error(model, mnist) / best < 1.01
