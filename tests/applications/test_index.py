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
