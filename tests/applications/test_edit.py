"""Edits: the code that a stroke asks for, the change on the picture, and what else moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows.applications import CodeGaussian, blended, follow, stroke_of
from narrows.errors import NarrowsError

torch.manual_seed(0)
SIZE = 8


@pytest.fixture(scope="module")
def model() -> nw.Autoencoder:
    images = nw.images.named("digits")
    recipe = nw.recipes.mlp_vae(images.shape, code_size=8).with_(epochs=4)
    return nw.fit(recipe, images, report="quiet")


def strokes(pictures: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The pictures with a patch inverted."""
    painted = pictures.copy()
    painted[:, :, 2:6, 3:5] = 255 - painted[:, :, 2:6, 3:5]
    return painted


@pytest.fixture
def digits() -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = nw.images.named("digits").pixels[:5].numpy()
    return found


def test_the_code_of_a_linear_decoder_is_that_of_a_ridge_regression() -> None:
    draws = torch.Generator().manual_seed(1)
    weights = torch.randn(SIZE * SIZE, 4, generator=draws) / 10
    x, painted = torch.rand(2, 3, 1, SIZE, SIZE, generator=draws)
    stroke = (torch.rand(3, 1, SIZE, SIZE, generator=draws) > 0.6).float()

    def decode(z: Tensor) -> Tensor:
        return (z @ weights.T).reshape(-1, 1, SIZE, SIZE)

    def encode(x: Tensor) -> Tensor:
        return x.flatten(1) @ weights

    found = follow(encode, decode, x, painted, stroke, CodeGaussian.standard((4,)), evaluations=200)
    for one in range(3):
        rows = stroke[one].flatten().bool()
        seen, wanted = weights[rows], painted[one].flatten()[rows]
        left = seen.T @ seen / 0.01 + torch.eye(4)
        right = seen.T @ wanted / 0.01 + encode(x[one : one + 1])[0]
        assert torch.allclose(found.codes[one], torch.linalg.solve(left, right), atol=1e-3)
        assert found.distance[one] == pytest.approx(
            float((found.codes[one] - found.own[one]).norm()), abs=1e-5
        )


def test_a_picture_stays_where_its_reconstruction_does() -> None:
    x, before, after = torch.rand(3, 2, 3, 16, 12)
    assert torch.equal(blended(x, before, before), x)
    assert torch.allclose(blended(before, before, after), after, atol=1e-6)
    part = before.clone()
    part[..., :6] = after[..., :6]
    assert torch.equal(blended(x, before, part)[..., 7:], x[..., 7:])


def test_where_much_changed_the_picture_is_the_reconstruction() -> None:
    x = torch.rand(1, 1, 16, 16)
    black, white = torch.zeros(1, 1, 16, 16), torch.ones(1, 1, 16, 16)
    assert torch.allclose(blended(x, black, white), white)


def test_a_change_is_brought_to_the_size_of_the_picture() -> None:
    x = torch.full((1, 1, 40, 20), 0.5)
    before, after = torch.full((2, 1, 1, 8, 8), 0.5)
    after = after + 0.1
    assert torch.allclose(blended(x, before, after), torch.full_like(x, 0.6), atol=1e-5)


def test_a_stroke_is_what_differs_by_more_than_a_jpeg_does() -> None:
    picture = torch.full((3, 4, 4), 100, dtype=torch.uint8)
    painted = picture.clone()
    painted[1, 0, 0], painted[2, 1, 1] = 124, 125
    assert stroke_of(picture, painted).nonzero().tolist() == [[0, 1, 1]]


def test_a_code_follows_a_stroke(model: nw.Autoencoder, digits: Any) -> None:
    result = nw.edit(model, digits, strokes(digits), progress=False)
    closer = nw.edit(model, digits, strokes(digits), variance=1e-4, progress=False)
    assert bool((result.followed > 0).all()) and bool((result.moved > 0).all())
    assert bool((closer.followed >= result.followed - 0.02).all())
    assert bool((closer.distance > result.distance).all())
    assert not torch.equal(result.codes, result.own)
    apart = (result.edited[0].float() - result.pictures[0].float()).abs() / 255
    outside = apart[~result.strokes[0]].mean()
    assert float(result.moved[0]) == pytest.approx(float(outside), abs=1e-6)


def test_a_picture_keeps_its_size_and_what_is_far_from_the_stroke(
    model: nw.Autoencoder, digits: Any, tmp_path: Path
) -> None:
    large = np.kron(digits[:1], np.ones((1, 1, 3, 4), np.uint8))
    painted = large.copy()
    painted[:, :, 6:18, 12:20] = 255 - painted[:, :, 6:18, 12:20]
    result = nw.edit(model, large, painted, progress=False)
    assert tuple(result.edited[0].shape) == (1, 24, 32)
    assert any("8×8" in note for note in result.notes)
    written = result.save(tmp_path)
    document = json.loads(Path(written["document"]).read_text(encoding="utf-8"))
    (one,) = document["pictures"]
    assert one["stroke"] == int(result.strokes[0].sum()) and len(written["pictures"]) == 1


def test_what_cannot_be_edited_is_said(model: nw.Autoencoder, digits: Any) -> None:
    with pytest.raises(NarrowsError, match="nothing is painted on it"):
        nw.edit(model, digits, digits, progress=False)
    with pytest.raises(NarrowsError, match="all of it is painted over"):
        nw.edit(model, np.zeros_like(digits), np.full_like(digits, 255), progress=False)
    with pytest.raises(NarrowsError, match=r"it is 8×8, and what is painted 16×16"):
        nw.edit(model, digits, np.kron(digits, np.ones((1, 1, 2, 2), np.uint8)), progress=False)
    with pytest.raises(ValueError, match="as many painted pictures as pictures were wanted"):
        nw.edit(model, digits, digits[:2], progress=False)
    with pytest.raises(ValueError, match="at least two evaluations and a variance above 0"):
        nw.edit(model, digits, strokes(digits), variance=0.0, progress=False)
    some = strokes(digits)
    some[1:] = digits[1:]
    result = nw.edit(model, digits, some, progress=False)
    assert len(result.ids) == 1 and len(result.skipped) == 4


def test_a_model_without_a_prior_asks_where_codes_lie(digits: Any) -> None:
    images = nw.images.named("digits")
    plain = nw.recipes.mlp_autoencoder(images.shape, code_size=8).with_(epochs=8)
    model = nw.fit(plain, images, report="quiet")
    with pytest.raises(ValueError, match="--fit-on"):
        nw.edit(model, digits, strokes(digits), progress=False)
    result = nw.edit(model, digits, strokes(digits), fit_on=images, progress=False)
    assert bool((result.left < result.gap).all())
