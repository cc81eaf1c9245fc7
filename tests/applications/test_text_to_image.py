"""Whether pictures show what their captions say, and the experiment that counts it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications import caption_to_image, fit_attribute_classifier, prompt_fidelity
from narrows.applications.text_to_image import spread_of
from narrows.images import Sprites
from narrows.priors import fit_prior


class Says:
    """A judge that reads the brightness of the first pixel."""

    names = ("light", "size")

    def __call__(self, x: torch.Tensor) -> dict[str, np.ndarray]:
        light = np.where(x[:, 0, 0, 0].numpy() > 0.5, "bright", "dark")
        return {"light": light, "size": np.full(len(x), "small")}


def test_every_attribute_has_to_be_right() -> None:
    def pictures(wanted: dict[str, str], n: int) -> torch.Tensor:
        x = torch.zeros(n, 1, 2, 2)
        x[: n // 2] = float(wanted["light"] == "bright")
        return x

    asked = [{"light": "bright", "size": "small"}, {"light": "dark", "size": "small"}]
    found = prompt_fidelity("drawn", pictures, Says(), asked, 8)
    assert found.pictures == 16 and found.share == 0.75
    assert found.each == {"light": 0.75, "size": 1.0}
    assert found.worst == ("bright · small", 0.5)
    assert found.error == pytest.approx((0.75 * 0.25 / 16) ** 0.5)
    large = [{**one, "size": "large"} for one in asked]
    assert prompt_fidelity("drawn", pictures, Says(), large, 8).share == 0


def test_variety_is_beside_that_of_real_pictures() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(30, 1, 4, 4, generator=draw)
    pairs = torch.cdist(x.flatten(1), x.flatten(1)).square()
    assert spread_of(x) == pytest.approx(float(pairs.sum() / (30 * 29)), rel=1e-4)
    assert spread_of(x[:1]) == 0
    asked = [{"light": "dark", "size": "small"}]
    same = prompt_fidelity(
        "", lambda wanted, n: x[:1].expand(n, -1, -1, -1), Says(), asked, 5, {0: 1.0}
    )
    assert same.variety == pytest.approx(0)
    own = prompt_fidelity("", lambda wanted, n: x, Says(), asked, 30, {0: spread_of(x)})
    assert own.variety == pytest.approx(1)


def test_a_judge_learns_all_attributes_together() -> None:
    sprites = Sprites().sample(200, seed=1)
    judge = fit_attribute_classifier(sprites, widths=(4, 4, 4), epochs=0.1)
    assert judge.names == ("shape", "size", "vertical", "horizontal")
    found = judge(sprites.select(range(7)))
    assert [len(found[name]) for name in judge.names] == [7] * 4
    assert set(found["size"]) <= {"small", "medium", "large"}


@pytest.mark.slow
def test_the_experiment_on_digits(digits) -> None:
    train, held = digits.select(range(1400)), digits.select(range(1400, 1797))
    recipe = nw.recipes.mlp_autoencoder(digits.shape, 8, widths=(64,)).with_(
        epochs=20, batch_size=32
    )
    model = nw.fit(recipe, train, report="quiet")
    flow = fit_prior(model, train, "caption-flow", width=64, steps=400)
    judge = fit_attribute_classifier(train, widths=(16, 32), epochs=12)
    found = caption_to_image(model, flow, judge, train, held, each=10)
    by = {row.name: row for row in found}
    assert list(by) == [
        "captions",
        "no caption",
        "mean code",
        "one Gaussian",
        "held-out, reconstructed",
        "held-out pictures",
    ]
    assert by["captions"].share > 0.85 > 0.4 > by["no caption"].share
    assert by["held-out pictures"].variety == pytest.approx(1)
    assert by["mean code"].variety == 0 and by["captions"].variety > 0.4
    assert by["captions"].pictures == 100 and by["mean code"].pictures == 10
