"""The diagram of a model: a block for each level on the way down and up, and one for the code."""

from __future__ import annotations

from typing import Any

import pytest

import narrows as nw
from narrows.figures import model_diagram, png


def texts(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_level_stands_there_twice() -> None:
    figure = model_diagram([(3, 64, 64), (32, 16, 16), (256,)], (8,), title="a model")
    said = texts(figure)
    assert said.count("3×64×64") == said.count("32×16×16") == said.count("256") == 2
    assert said.count("8") == 1 and "a model" in said
    assert [name for name in ("x", "h₁", "h₂", "z", "g₂", "g₁", "x̂") if name in said][3] == "z"
    blocks = figure.axes[0].patches[:7]
    highs = [block.get_height() for block in blocks]
    assert highs == highs[::-1] and highs[0] == max(highs) and highs[0] > highs[1] > highs[3]
    assert png(figure)[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="at least one level"):
        model_diagram([], (8,))


def test_of_any_model() -> None:
    for name in ("conv_vae", "pca_vae", "mlp_autoencoder", "oord_2017_vq_vae"):
        model = getattr(nw.recipes, name)((1, 32, 32)).build()
        said = texts(model.diagram())
        assert said.count("1×32×32") == 2 and any(name.replace("_", "-") in each for each in said)
