"""Denoise, upscale, inpaint and kernels on every recipe there is."""

from __future__ import annotations

import pytest
import torch

import narrows as nw
from narrows.applications import (
    CodeGaussian,
    by_model,
    by_projection,
    denoise_batch,
    feature_maps,
    first_kernels,
    inpaint_batch,
    upscale_batch,
)
from narrows.applications.kernels import first_weight

SHAPE = (1, 13, 11)
pytestmark = pytest.mark.filterwarnings("ignore:a SegNet ladder decodes without:UserWarning")


@pytest.fixture(params=nw.recipes.listed())
def model(request, narrow) -> nw.Autoencoder:
    found: nw.Autoencoder = narrow(request.param, SHAPE)
    return found


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(5, 1, 20, 17, generator=torch.Generator().manual_seed(0))


def test_denoise_and_upscale_pictures_of_another_size(model, x) -> None:
    restored, notes = denoise_batch(model, x, SHAPE[1:])
    assert restored.output.shape == x.shape and bool(torch.isfinite(restored.output).all())
    assert 0 <= restored.output.min() and restored.output.max() <= 1 and notes == []
    found = upscale_batch(model, x[:2], 2, SHAPE[1:], back_projection=2)
    assert found.restored.output.shape == (2, 1, 40, 34) and found.disagreement.shape == (2,)


@pytest.mark.parametrize("tiles", [False, True])
def test_inpaint_changes_the_hole_only(model, x, tiles) -> None:
    hole = torch.zeros(1, 1, 20, 17, dtype=torch.bool)
    hole[:, :, 8:14, 6:10] = True
    codes = CodeGaussian.of(model.encode(torch.rand(20, *SHAPE)).z)
    projected = by_projection(
        lambda p: model.posterior(p).z, model.decode, codes, starts=3, evaluations=8
    )
    for fill in (by_model(model), projected):
        result, _ = inpaint_batch(fill, x[:2], hole, SHAPE[1:], tiles=tiles)
        outside = ~hole.expand_as(x[:2])
        assert torch.equal(result.output[outside], x[:2][outside])
        assert bool(torch.isfinite(result.output).all())
        assert 0 <= result.output.min() and result.output.max() <= 1


def test_kernels(model, x) -> None:
    kernels = first_kernels(first_weight(model), SHAPE)
    assert kernels.shape[1] == 1 and 0 <= kernels.min() and kernels.max() <= 1
    for level in range(len(model.ladder) + 1):
        maps = feature_maps(lambda p: model.ladder.descend(p).levels, x[:2, :, :13, :11], level)
        assert len(maps) == 2 and all(0 <= each.min() and each.max() <= 1 for each in maps)
