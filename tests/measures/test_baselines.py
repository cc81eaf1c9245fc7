"""PCA and the mean picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows.images import Items, as_source
from narrows.images.corruptions import Chain, Flip, Warp
from narrows.measures import Pca, mean_picture
from narrows.measures.baselines import CodedPca, to_fit_pca


def of_rank(k: int, shape: tuple[int, ...], n: int = 60) -> np.ndarray:
    """uint8 pictures whose deviations from their mean span k dimensions."""
    draw = np.random.default_rng(0)
    places = np.arange(n) % (k + 1)  # k + 1 different pictures
    return draw.integers(0, 256, (k + 1, *shape), dtype=np.uint8)[places]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 20, 20)])  # covariance, randomised
def test_as_many_components_as_the_rank_are_exact_and_fewer_are_not(shape):
    pictures = of_rank(5, shape)
    x = torch.from_numpy(pictures) / 255
    assert torch.allclose(Pca.fit(pictures, 5).reconstruct(x), x, atol=1e-4)
    assert (Pca.fit(pictures, 4).reconstruct(x) - x).square().mean() > 1e-3


def test_draws_have_the_mean_and_the_covariance_of_the_pictures_and_are_those_of_the_seed():
    source = torch.Generator().manual_seed(0)
    x = 0.5 + 0.05 * torch.randn(400, 9, generator=source) @ torch.rand(9, 9, generator=source)
    x = x.reshape(400, 1, 3, 3)
    made = Pca.fit(x, 9).sample(20_000, seed=0)
    assert made.shape == (20_000, 1, 3, 3)
    assert torch.allclose(made.mean(0), x.mean(0), atol=0.005)
    assert torch.allclose(made.flatten(1).T.cov(), x.flatten(1).T.cov(), atol=5e-4)
    assert torch.equal(made, Pca.fit(x, 9).sample(20_000, seed=0))
    assert not torch.equal(made, Pca.fit(x, 9).sample(20_000, seed=1))


def test_it_is_scikit_learns(digits):
    from sklearn.decomposition import PCA

    flat = digits.reshape(len(digits), -1) / 255
    theirs = PCA(10, svd_solver="full").fit(flat)
    ours = Pca.fit(digits, 10)
    wanted = theirs.inverse_transform(theirs.transform(flat))
    found = ours.reconstruct(torch.from_numpy(digits) / 255).flatten(1).numpy()
    assert np.allclose(found, wanted, atol=1e-4)
    gram = ours.components @ ours.components.T
    assert torch.allclose(gram, torch.eye(10), atol=1e-5)
    assert ours.encode(torch.from_numpy(digits) / 255).shape == (len(digits), 10)


def test_it_says_how_many_pictures_it_took():
    pictures = of_rank(20, (3, 20, 20))
    some = Pca.fit(pictures, 3, limit=30, seed=1)
    assert (some.fitted_on, some.of, len(some)) == (30, 60, 3)
    assert torch.equal(some.components, Pca.fit(pictures, 3, limit=30, seed=1).components)
    small = Pca.fit(of_rank(20, (1, 8, 8)), 3, limit=30)  # small ones cost nothing: all of them
    assert (small.fitted_on, small.of) == (60, 60)


def test_too_many_components_are_refused():
    with pytest.raises(
        ValueError, match="60 pictures of 64 values has 1 to 60 components; we got k=61"
    ):
        Pca.fit(of_rank(5, (1, 8, 8)), 61)
    with pytest.raises(ValueError, match="we got k=0"):
        Pca.fit(of_rank(5, (1, 8, 8)), 0)


def test_the_mean_picture():
    pictures = of_rank(9, (3, 5, 4))
    found = mean_picture(pictures)
    assert found.shape == (3, 5, 4)
    assert np.allclose(found.numpy(), pictures.mean(0) / 255, atol=1e-6)


def test_coded_pca_takes_no_more_bits_than_it_may_and_nears_pca(digits):
    x = torch.from_numpy(digits) / 255
    errors = []
    for bits in (0, 4, 16, 64, 300, 600):
        coded = CodedPca.fit(digits, bits)
        used = [len(levels) for levels in coded.levels]
        assert np.log2(used).sum() <= bits and all(n & (n - 1) == 0 for n in used)
        errors.append(float((coded.reconstruct(x) - x).square().mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == pytest.approx(float((x - x.mean(0)).square().mean()), rel=1e-4)
    assert errors[-1] < 2e-4  # all 64 components, most of them with ten bits
    with pytest.raises(ValueError, match="0 bits or more; we got -1"):
        CodedPca.fit(digits, -1)


def test_a_gaussian_number_takes_the_bits_that_theory_gives_it():
    """Lloyd's quantiser of a normal number: errors of 0.3634, 0.1175, 0.03454 (Max 1960, table I)."""
    x = torch.zeros(4000, 1, 1, 2)
    x[..., 0] = 0.5 + 0.1 * torch.special.ndtri((torch.arange(4000) + 0.5) / 4000)[:, None, None]
    found = [
        float((CodedPca.fit(Items(x), bits).reconstruct(x) - x).square().mean() * 200)
        for bits in (1, 2, 3)
    ]
    assert found == pytest.approx([0.3634, 0.1175, 0.03454], rel=0.02)


def test_what_pca_is_fitted_on(digits):
    views = Chain([Flip(), Warp()])
    found = to_fit_pca(digits[:100], views)
    assert {name: len(source) for name, source in found.items()} == {
        "PCA": 100,
        "PCA of mirrored pictures": 200,
        "PCA of views": 400,
    }
    many = as_source(np.zeros((6000, 1, 2, 2), np.uint8))
    assert len(to_fit_pca(many, views)["PCA of views"]) == 20_000
    large = as_source(np.zeros((3000, 1, 40, 40), np.uint8))
    assert len(to_fit_pca(large, views)["PCA of views"]) == 5_000
