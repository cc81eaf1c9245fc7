"""Index as a verb: what is stored is what the model sees, however its pictures become inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from narrows.applications.index import index
from narrows.applications.search import search
from narrows.collection import About, Collection
from narrows.collection.about import INPUTS
from narrows.errors import BadFile
from narrows.images import Preprocessing
from narrows.images.inputs import pictures
from narrows.images.levels import Levels


class Pixels:
    """An encoder that gives the pixels themselves."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self.preprocessing = preprocessing
        self.shape, self.code_shape = preprocessing.shape, preprocessing.shape

    def fingerprint(self) -> str:
        return "pixels"

    def encode(self, images):
        return images.batch(torch.arange(len(images))).numpy()


def test_all_of_a_preprocessing_is_kept() -> None:
    assert set(INPUTS) == {field.name for field in dataclasses.fields(Preprocessing)}
    assert set(INPUTS) <= {field.name for field in dataclasses.fields(About)}


@pytest.mark.parametrize(
    "how",
    [
        Preprocessing((1, 6, 8), "pad"),
        Preprocessing((1, 6, 8), "stretch", 10),
        Preprocessing((1, 6, 8), "crop", None, Levels(whole=(0.0, 8000.0))),
    ],
)
def test_codes_are_of_the_inputs_that_the_model_takes(how: Preprocessing, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    kind, most = (np.uint8, 120) if how.levels is None else (np.uint16, 3000)
    for i in range(5):
        drawn = np.random.default_rng(i).integers(50, most + i * most // 5, (18, 14), dtype=kind)
        Image.fromarray(drawn).save(tmp_path / "photos" / f"{i}.png")
    model = Pixels(how)
    index(model, tmp_path / "photos", tmp_path / "c", progress=False)
    opened = Collection.open(tmp_path / "c")
    assert opened.about.preprocessing == how
    expected = model.encode(pictures(tmp_path / "photos", how)).reshape(5, -1)
    ids, codes = opened.codes()
    assert sorted(ids) == [f"{i}.png" for i in range(5)]
    assert np.allclose(codes[np.argsort(ids)], expected, atol=1e-6)
    found = search(opened, tmp_path / "photos" / "4.png", model=model, k=2)
    assert found.ids[0] == "4.png" and found.distances[0] < 1e-5
    other = Pixels(dataclasses.replace(how, levels=Levels(whole=(0.0, 4000.0))))
    with pytest.raises(BadFile, match="was made with levels"):
        index(other, tmp_path / "photos", tmp_path / "c", progress=False)


def test_a_collection_keeps_the_range_of_its_first_deep_pictures(tmp_path: Path) -> None:
    def put(name: str, top: int) -> Path:
        path = tmp_path / "photos" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.linspace(0, top, 48).reshape(6, 8).astype(np.uint16)).save(path)
        return path

    model, to = Pixels(Preprocessing((1, 6, 8))), tmp_path / "c"
    put("a", 500), put("b", 4000)
    first = index(model, tmp_path / "photos", to, progress=False)
    assert "from 0 to 4,000 in more than 8 bits: in all of them" in first.notes[0]
    assert first.collection.about.levels == {"whole": [0.0, 4095.0]}
    query = tmp_path / "query.png"
    query.write_bytes((tmp_path / "photos" / "a.png").read_bytes())  # alone it would be bright
    found = search(Collection.open(to), query, model=model, k=2, progress=False)
    assert found.ids[0] == "a.png" and found.distances[0] < 1e-5 < found.distances[1]
    assert any("500" in note and "4,095 white" in note for note in found.notes)
    put("c", 60000)
    later = index(model, tmp_path / "photos", to, progress=False)
    assert (later.added, later.unchanged) == (1, 2)
    assert "and what lies beyond is cut" in later.notes[0]
    anew = index(model, tmp_path / "photos", to, new_version=True, progress=False)
    assert anew.added == 3 and anew.collection.about.levels == {"whole": [0.0, 65535.0]}


def test_an_array_is_indexed_in_the_range_of_the_model(tmp_path: Path) -> None:
    array = np.linspace(0, 900, 2 * 48).reshape(2, 6, 8).astype(np.uint16)
    np.save(tmp_path / "x.npy", array)
    how = Preprocessing((1, 6, 8), levels=Levels(whole=(0.0, 65535.0)))
    result = index(Pixels(how), tmp_path / "x.npy", tmp_path / "c", progress=False)
    _, codes = result.collection.codes()
    assert codes.max() == pytest.approx(4 / 255)
    assert "from 0 to 900" in result.notes[0]
