"""Features in place of codes: kept with a collection, searched, mapped, and learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications.classify import classify
from narrows.applications.features import Features
from narrows.applications.index import index
from narrows.applications.map import map
from narrows.applications.search import search
from narrows.collection import Collection
from narrows.collection.about import DISTANCES, FEATURES
from narrows.encoders import Encoder
from narrows.errors import BadFile

KINDS = [(kind, "euclidean") for kind in FEATURES] + [("codes", d) for d in DISTANCES[1:]]
KINDS += [("patches", "whitened"), ("colours", "cosine")]


@pytest.fixture(scope="module")
def model() -> nw.Autoencoder:
    torch.manual_seed(0)
    return nw.recipes.mlp_vae((1, 8, 8), 6, widths=(8,)).build().eval()


@pytest.fixture(scope="module")
def few(digits) -> nw.images.Images:
    return digits.select(range(150))


@pytest.mark.parametrize(("kind", "distance"), KINDS)
def test_a_collection_of_features_finds_new_pictures(kind, distance, model, few, tmp_path) -> None:
    to = tmp_path / "c"
    made = index(model, few, to, features=kind, distance=distance, progress=False)
    assert (made.collection.about.features, made.collection.about.distance) == (kind, distance)
    again = index(model, few, to, progress=False)  # as the collection has it
    assert (again.unchanged, again.added, again.changed) == (150, 0, 0)
    more = index(model, few.select(range(140)), to, progress=False)  # nothing is fitted again
    assert (more.unchanged, more.removed) == (140, 10)
    needs = model if kind in ("codes", "joined") else None
    found = search(to, few.pixels[7:8].numpy(), model=needs, k=3, progress=False)
    usual = np.linalg.norm(made.collection.codes()[1], axis=1).mean()
    assert found.ids[0] == few.ids[7] and found.distances[0] < 1e-3 * usual
    assert isinstance(Features.fit(kind, few, model, distance=distance), Encoder)


def test_cosine_orders_as_the_cosine_and_whitened_has_no_direction(model, few) -> None:
    rows = Features.fit("codes", few, model).encode(few)
    assert torch.allclose(rows, torch.as_tensor(model.encode(few).z), atol=1e-6)
    unit = Features.fit("codes", few, model, distance="cosine").encode(few)
    away, cosine = (
        torch.cdist(unit, unit),
        torch.cosine_similarity(rows[:, None], rows[None], dim=2),
    )
    assert torch.allclose(away.square(), 2 - 2 * cosine, atol=1e-4)
    white = Features.fit("codes", few, model, distance="whitened").encode(few)
    covariance = torch.cov(white.T, correction=0)
    assert torch.allclose(covariance, torch.eye(white.shape[1]), atol=1e-3)
    # a map undoes it: each direction has the deviation that it had
    whitened = Features.fit("codes", few, model, distance="whitened")
    plain = Features.fit("codes", few, model).encode(few)
    wanted = torch.linalg.svdvals((plain - plain.mean(0)).double()) / len(plain) ** 0.5
    weights = torch.tensor(whitened.weights())
    assert torch.allclose(weights, wanted[: len(weights)].to(weights.dtype), rtol=1e-3)
    assert Features.fit("codes", few, model).weights() is None


def test_others_do_not_mix_but_may_begin_a_new_version(model, few, tmp_path) -> None:
    to = tmp_path / "c"
    index(model, few, to, features="colours", progress=False)
    with pytest.raises(BadFile, match=r"holds colours \(euclidean\), not patches \(euclidean\)"):
        index(model, few, to, features="patches", progress=False)
    index(model, few, to, features="patches", distance="cosine", new_version=True, progress=False)
    assert Collection.open(to).about.rows == "patches, by the cosine"
    assert Collection.open(to, 1).about.rows == "colours"
    fitted = list(Path(to).glob("features-*.safetensors"))
    assert len(fitted) == 1
    fitted[0].write_bytes(fitted[0].read_bytes()[:-9])
    with pytest.raises(BadFile, match="is damaged"):
        search(to, few.pixels[:1].numpy(), progress=False)
    fitted[0].unlink()
    with pytest.raises(BadFile, match="there is no file"):
        index(model, few, to, progress=False)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"features": "color"}, "features is one of codes, .*; did you mean 'colours'"),
        ({"distance": "angle"}, "distance is one of euclidean, cosine, whitened; we got 'angle'"),
        ({"features": "pca", "pool": "mean"}, "pool='mean' is of codes as they are, not of pca"),
    ],
)
def test_what_cannot_be_is_refused(given, sentence, model, few, tmp_path) -> None:
    with pytest.raises(ValueError, match=sentence):
        index(model, few, tmp_path / "c", progress=False, **given)
    assert not (tmp_path / "c").exists()
    with pytest.raises(ValueError, match="and s3://b/c is an object store"):
        index(model, few, "s3://b/c", features="patches", progress=False)


@pytest.fixture(scope="module")
def coloured() -> tuple[nw.Autoencoder, nw.images.Images]:
    """Noise, with a red or a blue spot anywhere."""
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (160, 3, 8, 8), generator=source, dtype=torch.uint8)
    names = np.array(["red", "blue"] * 80)
    places = torch.randint(6, (160, 2), generator=source).tolist()
    for one, name, (row, column) in zip(pixels, names, places, strict=True):
        spot = torch.tensor((255, 0, 0) if name == "red" else (0, 0, 255), dtype=torch.uint8)
        one[:, row : row + 3, column : column + 3] = spot[:, None, None]
    torch.manual_seed(0)
    model = nw.recipes.mlp_autoencoder((3, 8, 8), 2, widths=(4,)).build().eval()
    return model, nw.images.Images(pixels, labels={"colour": names})


def test_what_tells_classes_better_is_said_and_offered(coloured, tmp_path) -> None:
    model, images = coloured
    found = classify(model, images, by="knn,linear", progress=False)
    said = [note for note in found.notes if "better" in note]
    assert len(said) == 1 and said[0].startswith("colour histograms tell colour better: ")
    assert said[0].endswith("% by codes; --features colours")
    taken = classify(model, images, by="knn,linear", features="colours", progress=False)
    assert taken.best.accuracy > 0.9 and not [n for n in taken.notes if "better" in n]
    assert next(iter(taken.tested)).startswith("colour histograms")
    right = taken.predictor(images) == images.label
    assert right.mean() > 0.9
    index(model, images, tmp_path / "c", features="colours", progress=False)
    assert map(tmp_path / "c", progress=False).codes.shape == (160, 1024)
    drawn = map(model, images, features="pixels", progress=False)
    assert drawn.codes.shape == (160, 192)
    with pytest.raises(ValueError, match="this collection holds colours: map the model"):
        map(tmp_path / "c", features="patches", progress=False)


def test_a_model_of_codes_alone_is_not_judged_by_its_decoder(few, tmp_path) -> None:
    tiny = {"widths": "[4]", "mirror": "false", "steps": 2, "batch_size": 32}
    made = nw.train(few, "views", to=tmp_path / "run", changes=tiny, report="quiet")
    assert made.codes_only and "its codes alone were trained" in str(made)
    assert {path.name for path in (tmp_path / "run").glob("*.png")} == {"views.png", "losses.png"}
    assert "views.png" in (tmp_path / "run" / "card.md").read_text()
    other = nw.train(few, "views-autoencoder", changes=tiny, report="quiet")
    assert not other.codes_only and "mean PSNR" in str(other)
