"""Segmenting with a function whose answer is known; what a training learns from and is judged by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
from narrows.applications import segment, segment_batch
from narrows.applications.segment import train_segmentation
from narrows.images import Masked, split, unmasked, usual_size
from narrows.images.contents import content_keys
from narrows.measures import class_weights


def by_brightness(x: torch.Tensor) -> torch.Tensor:
    """Bright pixels are of class 1, the others of class 0; the mask that came in was empty."""
    assert not x[:, 1:].any()
    bright = (x[:, :1] > 0.5).float() * 0.8 + 0.1
    return torch.cat([x[:, :1], 1 - bright, bright], 1)


def test_each_pixel_gets_its_most_likely_class() -> None:
    x = torch.rand(5, 1, 6, 7, generator=torch.Generator().manual_seed(0))
    seen = []
    found = segment_batch(
        by_brightness, x, 2, (6, 7), batch_size=2, progress=lambda *at: seen.append(at)
    )
    assert torch.equal(found.classes.bool(), x[:, 0] > 0.5)
    assert torch.allclose(found.certainty, torch.tensor(0.9)) and seen == [(2, 5), (4, 5), (5, 5)]


def test_another_size_comes_back_in_its_own() -> None:
    x = torch.zeros(1, 1, 24, 36)
    x[:, :, :, 18:] = 1
    found = segment_batch(by_brightness, x, 2, (12, 12))
    assert found.classes.shape == (1, 24, 36)
    assert not found.classes[:, :, :15].any() and bool(found.classes[:, :, 21:].all())


@pytest.fixture(scope="module")
def squares() -> Masked:
    """Twenty-four dark pictures (1, 16, 16) with a bright square of 1 to 8 pixels, and where it is."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 90, (24, 1, 16, 16), np.uint8)
    masks = np.zeros((24, 16, 16), np.uint8)
    for number in range(24):
        side = 1 + number % 8
        top, left = draw.integers(0, 16 - side, 2)
        masks[number, top : top + side, left : left + side] = 1
        pixels[number, 0][masks[number] == 1] += 150
    how = nw.images.Preprocessing((1, 16, 16), "stretch")
    images = nw.images.Images(pixels, preprocessing=how)
    return Masked(images, torch.from_numpy(masks), ("ground", "square"))


@pytest.fixture(scope="module")
def trained(squares: Masked):
    return train_segmentation(squares, epochs=1, validation=0.3, progress=False)


def test_classes_are_weighted_by_the_training_masks_alone(squares: Masked, trained) -> None:
    weights = torch.tensor(trained.model.recipe.likelihood.arguments["weights"])
    assert torch.allclose(weights, class_weights(trained.fitted.masks, 2), atol=1e-4)
    assert not torch.allclose(weights, class_weights(squares.masks, 2), atol=5e-4)
    even = train_segmentation(squares, epochs=1, balanced=False, progress=False)
    assert "weights" not in even.model.recipe.likelihood.arguments


def test_it_is_judged_by_pictures_that_it_was_not_trained_on(squares: Masked, trained) -> None:
    judged, fitted = content_keys(trained.judged.images), content_keys(trained.fitted.images)
    assert trained.judged_on == "held-out" and len(judged) + len(fitted) == 24
    assert not np.isin(judged, trained.model.run.seen["train"]).any()
    wanted = split(squares.images, validation=0.3).train
    assert sorted(content_keys(wanted)) == sorted(fitted)
    document = trained.document()
    assert document["held_out"] and set(document["model"]) == {"iou", "mean_iou"}
    assert 0 < document["prior"]["mean_iou"] < 1


def test_the_run_remembers_pictures_and_not_their_masks(squares: Masked, trained, tmp_path) -> None:
    nw.save(trained.model, tmp_path / "model")
    run = nw.load(tmp_path / "model").run
    assert np.array_equal(run.seen["train"], np.unique(content_keys(trained.fitted.images)))
    parts = run.split(unmasked(squares.images, 2))
    assert parts.known and len(parts.trained) == len(trained.fitted.masks)
    assert run.facts["classes"] == ["ground", "square"]


def test_what_is_found_is_scored_on_all_and_on_what_is_new(squares: Masked, trained) -> None:
    masks = squares.masks.numpy()
    found = segment(trained.model, squares.images, masks=masks, progress=False)
    assert sum(found.seen) == len(trained.fitted.masks) and len(found.masks) == 24
    new = [id_ for id_, seen in zip(found.ids, found.seen, strict=True) if not seen]
    assert sorted(new) == sorted(trained.judged.images.ids)
    assert found.scores(held_out=True) == trained.scores()["model"]
    assert any(f"has seen {sum(found.seen)} of the 24" in note for note in found.notes)
    assert list(found.table().columns) == ["", "all", "held-out"]
    alone = segment(
        trained.model, trained.judged.images, masks=trained.judged.masks, progress=False
    )
    assert not any(alone.seen) and not alone.notes
    bare = segment(trained.model, squares.images, progress=False)
    assert bare.scores() == {} and bare.truths is None
    assert torch.equal(torch.stack(list(bare.masks)), torch.stack(list(found.masks)))
    assert torch.allclose(bare.shares().sum(1), torch.ones(24))


def test_masks_and_models_that_do_not_fit(squares: Masked, trained) -> None:
    with pytest.raises(ValueError, match="a mask for each picture was wanted; we got 3 and 24"):
        segment(trained.model, squares.images, masks=squares.masks[:3], progress=False)
    with pytest.raises(nw.NarrowsError, match="its mask is 8×8 pixels"):
        segment(trained.model, squares.images, masks=np.zeros((24, 8, 8)), progress=False)
    plain = nw.recipes.mlp_autoencoder((1, 16, 16), 4).build()
    with pytest.raises(ValueError, match="was not trained on masks"):
        segment(plain, squares.images)


@pytest.mark.parametrize(
    "sizes, wanted",
    [
        ([(20, 24)] * 3, (20, 24)),  # small ones as they are
        ([(360, 480), (480, 360), (360, 480)], (68, 92)),
        ([(300, 300)], (80, 80)),
    ],
)
def test_masks_are_learnt_in_their_aspect(tmp_path: Path, sizes, wanted) -> None:
    for i, (height, width) in enumerate(sizes):
        Image.new("L", (width, height)).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("no mask")
    assert usual_size(tmp_path) == wanted
