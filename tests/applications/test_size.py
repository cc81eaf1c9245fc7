"""``size``: the code size that pictures ask for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications.size import CodeSize, sufficient_code_size


def surface(dimension: int, count: int = 600) -> np.ndarray:
    """Pictures uint8 (N, 1, 8, 8) of so many numbers each, a little bent."""
    draws = np.random.default_rng(dimension)
    codes = draws.uniform(-1, 1, (count, dimension))
    made = np.tanh(codes @ draws.normal(size=(dimension, 64)) / np.sqrt(dimension))
    return np.round(127.5 * (1 + made)).astype(np.uint8).reshape(-1, 1, 8, 8)


@pytest.fixture(scope="module")
def found() -> CodeSize:
    return nw.size(surface(3), progress=False)


def test_a_surface_of_three_numbers(found: CodeSize) -> None:
    for values in found.dimensions.values():
        assert values[-1] == pytest.approx(3, abs=0.6)
    assert 7 <= found.size <= 16  # twice three and one at least; bent, so PCA needs more than three
    assert "code size" in str(found) and "◄ proposed" in str(found.table())


def test_the_curve_is_what_pca_does_on_held_out_pictures(found: CodeSize) -> None:
    parts = nw.images.split(nw.images.as_source(surface(3)), validation=0.1)
    x = parts.validation.batch(torch.arange(len(parts.validation)))
    for size, mse in zip(found.sizes, found.mse, strict=True):
        if size in (1, 4, 16):
            pca = nw.measures.Pca.fit(parts.train, size)
            own = float((pca.reconstruct(x) - x).square().mean())
            assert mse == pytest.approx(own, rel=0.02)
    assert (np.diff(found.mse) <= 0).all() and (np.diff(found.explained) >= 0).all()
    assert found.fitted + found.held_out == 600


def test_flat_pictures_need_twice_their_dimension_and_one() -> None:
    draws = np.random.default_rng(0)
    flat = 127 + 20 * draws.uniform(-1, 1, (600, 2)) @ draws.normal(size=(2, 64))
    found = nw.size(flat.clip(0, 255).astype(np.uint8).reshape(-1, 1, 8, 8), progress=False)
    assert found.size == 5 and "twice the intrinsic dimension and one" in found.why


def test_never_less_than_training_takes_by_itself(found: CodeSize) -> None:
    parts = nw.images.split(nw.images.as_source(surface(3)), validation=0.1)
    assert found.size >= sufficient_code_size(parts.train, parts.validation)[0]


def test_what_is_written(found: CodeSize, tmp_path: Path) -> None:
    written = found.save(tmp_path)
    assert {"size", "dimension", "document"} <= set(written)
    document = json.loads((tmp_path / "size.json").read_text())
    assert document["size"] == found.size and document["curve"][0]["size"] == 1


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 20 pictures; we got 12"):
        nw.size(surface(2, 12), progress=False)
    with pytest.raises(ValueError, match="differ"):
        nw.size(np.full((40, 1, 8, 8), 7, np.uint8), progress=False)
