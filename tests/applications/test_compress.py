"""Compress as a verb: what its tables are fitted to, and files that come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications import compress as verb
from narrows.applications.compress import compress, decompress, fit_tables
from narrows.images import Images
from narrows.images.contents import content_keys

pytest.importorskip("constriction")


@pytest.fixture
def images() -> Images:
    x = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8), np.uint8)
    return Images(x)


@pytest.fixture
def model(images: Images, tmp_path: Path) -> nw.Autoencoder:
    recipe = nw.recipes.mlp_vae((1, 8, 8), code_size=3).with_(epochs=1)
    parts = images.select(np.arange(40)), images.select(np.arange(40, 50))
    return nw.fit(recipe, parts[0], validation=parts[1], to=tmp_path / "run", report="quiet")


def test_tables_are_fitted_to_what_the_model_was_trained_on(
    images: Images, model: nw.Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    real = verb.Codec.fit

    def fit(functions: Any, source: Any, **options: Any) -> Any:
        seen.append(source)
        return real(functions, source, **options)

    monkeypatch.setattr(verb.Codec, "fit", staticmethod(fit))
    fit_tables(model, images, progress=False)
    keys = content_keys(images)
    assert set(content_keys(seen[0])) == set(keys[:40])
    assert not set(content_keys(seen[0])) & set(keys[40:])


def test_pictures_of_python_come_back(
    images: Images, model: nw.Autoencoder, tmp_path: Path
) -> None:
    fit_tables(model, images, progress=False)
    result = compress(model, images.pixels[:5].numpy(), lossless=True, progress=False)
    assert [row["name"] for row in result.rows][:2] == ["narrows", "PNG"]
    written = result.save(tmp_path / "files")["pictures"]
    back = decompress(model, written, progress=False)
    assert torch.equal(torch.cat(list(back.pictures)), images.pixels[:5])
