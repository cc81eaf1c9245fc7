"""Samples, bits and time of a model beside PCA."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import narrows as nw
from narrows.applications import measure_run
from narrows.measures import SampleDistance


def test_a_linear_model_of_all_of_pca_is_measured_as_pca(
    digits: nw.images.Images, tmp_path: Path
) -> None:
    some = digits.select(range(300))
    recipe = nw.recipes.pca_vae((1, 8, 8), 6).with_(steps=0)
    model = nw.fit(recipe, some, to=tmp_path / "run", report="quiet")
    found = measure_run(tmp_path / "run", some, progress=False)
    drawn = nw.generate(model, 150, seed=0)
    assert found.samples == 150 and found.prior == drawn.prior
    distance = SampleDistance.of(some)
    assert found.frechet == pytest.approx(distance(drawn.pictures.clamp(0, 1)), rel=1e-4)
    assert found.floor == distance.floor < found.pca_frechet
    assert found.bits is not None and found.pca_bits is not None
    elbo = nw.evaluate(model, some).measures.elbo.mean()
    assert found.bits == pytest.approx(8 - elbo / (64 * math.log(2)), rel=0.02)
    assert found.pca_bits < 8 and found.pca_seconds > 0
    assert torch.isfinite(torch.tensor(found.document()["frechet"]))


def test_what_cannot_be_measured_says_why(digits: nw.images.Images) -> None:
    some = digits.select(range(60))
    recipe = nw.recipes.mlp_autoencoder((1, 8, 8), code_size=4, widths=(8,)).with_(epochs=0.1)
    found = measure_run(nw.fit(recipe, some, report="quiet"), some, progress=False)
    assert found.frechet is None and found.bits is None and found.pca_frechet is not None
    assert any("no samples" in note for note in found.notes)
    assert any("not variational" in note for note in found.notes)
