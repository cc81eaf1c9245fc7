"""What cannot go together is refused when a recipe is built, in a sentence that names both parts."""

from __future__ import annotations

import re

import pytest
import torch

import narrows as nw
from narrows.parts import Part

SHAPE = (1, 12, 12)
DENSE = Part("dense", {"shape": SHAPE, "widths": (9, 6)})
CONV = Part("conv", {"shape": SHAPE, "widths": (4, 4)})
POINT, GAUSSIAN = Part("point", {"size": 2}), Part("gaussian", {"size": 2})
HIERARCHY = Part("hierarchical", {"size": 2})
MSE, BERNOULLI = Part("mse"), Part("bernoulli")
NOISE = Part("gaussian-noise", {"sigma": 0.5})


@pytest.mark.parametrize(
    "parts, phase, sentence",
    [
        ((DENSE, POINT, MSE), {"bound": "iwae"}, "the bound 'iwae' needs a code with a density"),
        (
            (DENSE, GAUSSIAN, BERNOULLI),
            {"augmentation": NOISE},
            "the likelihood 'bernoulli' needs pixels in [0, 1]; we got",
        ),
        ((DENSE, HIERARCHY, MSE), {"scheme": "recursive"}, "the bottleneck 'hierarchical' ties"),
        (
            (DENSE, HIERARCHY, MSE),
            {"scheme": Part("rung", {"rung": 1})},
            "use 'end-to-end', or the bottleneck 'gaussian'",
        ),
        (
            (DENSE, GAUSSIAN, MSE),
            {"scheme": Part("rung", {"rung": 7})},
            "trains rung 7, but this ladder has rungs 0 to 1",
        ),
        ((CONV, POINT, MSE), {"bound": "feature-wise"}, "the bound 'feature-wise'"),
        (
            (Part("segnet", {"shape": (7,)}), POINT, MSE),
            {},
            "a SegNet rung takes maps",
        ),
        (
            (DENSE, Part("gaussian", {"size": 2, "layout": "map"}), MSE),
            {},
            "needs a ladder that ends in a map",
        ),
        (
            (DENSE, Part("gaussian", {"size": 10**12}), MSE),
            {},
            "the ladder 'dense' with the bottleneck 'gaussian' has",
        ),
    ],
)
def test_parts_that_do_not_fit(parts, phase, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        nw.Recipe("r", *parts, phases=(nw.Phase(**phase),)).build()


def test_fewer_samples_than_one() -> None:
    with pytest.raises(ValueError, match="samples are at least 1; we got 128 and 0"):
        nw.Phase(bound="iwae", samples=0)


def test_pictures_without_labels_have_no_classes() -> None:
    phase = nw.Phase(scheme="encoder", bound="softmax")
    pictures = torch.randint(256, (6, *SHAPE), dtype=torch.uint8)
    with pytest.raises(ValueError, match="needs labels, and these pictures have none"):
        nw.fit(nw.Recipe("r", DENSE, POINT, MSE, (phase,)), pictures, report="quiet")


def test_more_classes_than_the_softmax_has() -> None:
    phase = nw.Phase(scheme="encoder", bound=Part("softmax", {"classes": 2}))
    pixels = torch.randint(256, (6, *SHAPE), dtype=torch.uint8)
    pictures = nw.images.Images(pixels, labels={"kind": list("abcabc")})
    with pytest.raises(ValueError, match="built for 2 classes, but the pictures have 3"):
        nw.fit(nw.Recipe("r", DENSE, POINT, MSE, (phase,)), pictures, report="quiet")


def test_a_classifier_comes_back_with_its_labels(tmp_path) -> None:
    phase = nw.Phase(epochs=30, learning_rate=0.02, scheme="encoder", bound=Part("softmax"))
    pixels = torch.zeros(20, *SHAPE, dtype=torch.uint8)
    pixels[10:] = 255
    pictures = nw.images.Images(pixels, labels={"kind": ["dark"] * 10 + ["light"] * 10})
    recipe = nw.Recipe("r", DENSE, POINT, MSE, (phase,))
    model = nw.fit(recipe, pictures, to=tmp_path / "run", report="quiet", device="cpu")
    again = nw.load(tmp_path / "run")
    for one in (model, again):
        softmax = one.auxiliary["softmax"]
        chosen = softmax(one.encode(pictures).z).argmax(1)
        assert [softmax.labels[i] for i in chosen.tolist()] == list(pictures.label)
