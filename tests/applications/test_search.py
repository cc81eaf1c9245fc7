"""Search from Python: files, arrays and PIL images as queries, of any encoder's codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
from narrows.applications.index import index
from narrows.applications.search import search
from narrows.errors import BadFile, NoImages
from narrows.images import Images, Preprocessing


class Halves:
    """An encoder that is no autoencoder: the means of the upper and the lower half."""

    shape, code_shape = (1, 8, 8), (2,)
    preprocessing = Preprocessing((1, 8, 8), "pad")

    def fingerprint(self) -> str:
        return "halves"

    def encode(self, images: Images) -> np.ndarray:
        x = images.batch(torch.arange(len(images)))[:, 0].numpy()
        return np.stack([x[:, :4].mean((1, 2)), x[:, 4:].mean((1, 2))], 1)


@pytest.fixture
def photos(digits: Images, tmp_path: Path) -> Path:
    """Twelve digits, twice as wide as high."""
    (tmp_path / "photos").mkdir()
    for i in range(12):
        pixels = digits.pixels[i, 0].numpy().repeat(8, 1).repeat(4, 0)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{i}.png")
    return tmp_path / "photos"


def test_a_query_is_read_as_the_collection_was(photos: Path, tmp_path: Path) -> None:
    model = Halves()
    collection = index(model, photos, tmp_path / "c", progress=False).collection
    assert collection.about.preprocessing == model.preprocessing
    path = photos / "3.png"
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    queries = [path, str(path), [path], picture, [picture], np.asarray(picture), Images(
        np.asarray(picture).transpose(2, 0, 1)[None])]  # fmt: skip
    for query in queries:
        found = search(str(tmp_path / "c"), query, model=model, k=4)
        assert found.ids[0] == "3.png" and found.distances[0] < 0.01
        assert len(found) == 4 and (np.diff(found.distances) >= 0).all()
    assert found.query[0].picture.shape == (3, 32, 64)  # shown as it is, not as the model sees it
    codes = dict(zip(*collection.codes(), strict=True))
    assert found.thumbnails[0].shape == (3, 32, 64)
    assert np.allclose(search(collection, [path, photos / "4.png"], model=model).code,
                       (codes["3.png"] + codes["4.png"]) / 2, atol=1e-6)  # fmt: skip


def test_sums_of_files_ids_and_arrays(photos: Path, tmp_path: Path) -> None:
    model = Halves()
    collection = index(model, photos, tmp_path / "c", progress=False).collection
    codes = dict(zip(*collection.codes(), strict=True))
    given = {"ids": "1.png", "minus": ["2.png", photos / "5.png"], "model": model}
    found = search(collection, [photos / "3.png", photos / "4.png"], **given)
    expected = codes["1.png"] + codes["3.png"] + codes["4.png"] - codes["2.png"] - codes["5.png"]
    assert np.allclose(found.code, expected, atol=1e-6)
    assert not {"1.png", "2.png"} & set(found.ids) and {"3.png", "4.png", "5.png"} <= set(found.ids)
    assert [term["sign"] for term in found.document()["query"]] == ["like"] * 3 + ["minus"] * 2
    assert found.notes == ["asked for 12 pictures; there are 10 beside the query"]
    written = found.save(tmp_path / "out")
    assert Path(written["search"]).is_file() and Path(written["document"]).name == "search.json"


def test_a_collection_of_an_array_needs_no_files(digits: Images, tmp_path: Path) -> None:
    model = Halves()
    first = index(model, digits.pixels[:40].numpy(), tmp_path / "c", progress=False)
    assert (first.added, first.pictures) == (40, 40) and "40 added" in str(first)
    again = index(model, digits.select(range(40)), tmp_path / "c", progress=False)
    assert (again.added, again.unchanged) == (0, 40)
    assert search(tmp_path / "c", ids=["7"], k=1).distances[0] >= 0
    assert search(tmp_path / "c", digits.pixels[9, 0].numpy(), model=model).ids[0] == "9"
    with pytest.raises(BadFile, match="made with a model in memory; give that model as model="):
        search(tmp_path / "c", digits.pixels[9, 0].numpy())
    items = [(Image.fromarray(p[0]), 3) for p in digits.pixels[:5].numpy()]
    made = index(model, items, tmp_path / "d", progress=False).collection
    assert made.count("label = 3") == 5


def test_what_cannot_be_searched(photos: Path, tmp_path: Path) -> None:
    collection = index(Halves(), photos, tmp_path / "c", progress=False).collection
    with pytest.raises(
        NoImages, match="no file or folder"
    ):  # an answer without it would be another
        search(collection, [photos / "1.png", tmp_path / "gone.png"], model=Halves())
    with pytest.raises(ValueError, match="say what to search for"):
        search(collection)
    with pytest.raises(ValueError, match="a model, or the folder of one, was wanted"):
        search(collection, photos / "1.png", model=3)


def test_a_model_of_another_fit_does_not_mix(photos: Path, tmp_path: Path) -> None:
    index(Halves(), photos, tmp_path / "c", progress=False)
    other = Halves()
    other.preprocessing = Preprocessing((1, 8, 8), "stretch")
    with pytest.raises(BadFile, match="made with fit 'pad', not 'stretch'"):
        index(other, photos, tmp_path / "c", progress=False)


def test_a_collection_is_reachable_from_the_front_door(photos: Path, tmp_path: Path) -> None:
    index(Halves(), photos, tmp_path / "c", progress=False)
    info = nw.collection.Collection.open(tmp_path / "c").info()
    assert info.document()["inputs"] == "1×8×8, pad" and "12" in str(info)
