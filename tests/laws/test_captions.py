"""A prior that is told captions, where it is known what they mean."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import narrows as nw
from narrows.applications import decoder, fit_classifier
from narrows.priors import CaptionFlow, Flow, fit_prior, sample_codes

MEANS = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
NAMES = ("red", "green", "blue")


def three(n: int = 3000) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(0)
    which = torch.randint(3, (n,), generator=source)
    return MEANS[which] + torch.randn(n, 2, generator=source) * torch.tensor([1.0, 0.3]), which


def shares(drawn: Tensor) -> Tensor:
    return torch.cdist(drawn, MEANS).min(1).indices.bincount(minlength=3) / len(drawn)


@pytest.fixture(scope="module")
def coloured() -> CaptionFlow:
    codes, which = three()
    said = [(f"a {NAMES[i]} one", NAMES[i], "one") for i in which.tolist()]
    return CaptionFlow(2, width=64, depth=2, steps=700, guidance=1).fit(codes, captions=said)


@pytest.mark.slow
def test_one_caption_for_all_is_a_flow_without_captions() -> None:
    codes, _ = three()
    told = CaptionFlow(2, width=64, depth=2, steps=600, guidance=1)
    told.fit(codes, captions=[("a picture",)] * len(codes))
    plain = Flow(2, width=64, depth=2, steps=600).fit(codes).sample(2000)
    for caption in ("a picture", ""):
        drawn = told.sample(2000, caption=caption)
        assert torch.allclose(drawn.mean(0), plain.mean(0), atol=0.3)
        assert torch.allclose(drawn.T.cov(), plain.T.cov(), atol=1.0)
        assert torch.allclose(shares(drawn), shares(plain), atol=0.06)


@pytest.mark.parametrize("number", range(3))
def test_each_caption_draws_its_own(coloured: CaptionFlow, number: int) -> None:
    for caption in (NAMES[number], f"a {NAMES[number]} one"):
        drawn = coloured.sample(500, caption=caption)
        assert float(shares(drawn)[number]) > 0.97
        deviation = drawn.std(0)  # many different ones, and not their average
        assert torch.allclose(deviation, torch.tensor([1.0, 0.3]), atol=0.25)


def test_a_caption_that_says_less_draws_from_all(coloured: CaptionFlow) -> None:
    for caption in ("one", ""):
        assert torch.allclose(
            shares(coloured.sample(2000, caption=caption)), torch.full((3,), 1 / 3), atol=0.08
        )


def test_guidance_changes_only_what_is_told(coloured: CaptionFlow) -> None:
    codes = {g: [] for g in (1.0, 3.0)}
    for strength, drawn in codes.items():
        coloured.guidance = strength
        drawn += [coloured.sample(300, caption=text) for text in ("", "red")]
    coloured.guidance = 1.0
    assert torch.equal(codes[1.0][0], codes[3.0][0])
    assert not torch.equal(codes[1.0][1], codes[3.0][1])


@pytest.mark.slow
def test_a_seven_is_a_seven(digits) -> None:
    recipe = nw.recipes.mlp_autoencoder(digits.shape, 8, widths=(64,))
    model = nw.fit(recipe, digits, epochs=15, report="quiet")
    codes = model.encode(digits).z
    labels = digits.labels["label"].astype(str)
    tell = fit_classifier(codes.numpy(), labels, "knn")
    prior = fit_prior(model, digits, "caption-flow", width=64, steps=800)
    right = [
        float((tell(sample_codes(model, prior, 60, 1, caption=text).numpy()) == digit).mean())
        for digit, text in (("7", "a seven"), ("0", "the digit 0"), ("4", "four"))
    ]
    assert min(right) > 0.85, right
    sevens = sample_codes(model, prior, 60, 1, caption="a seven")
    other = codes[torch.from_numpy(labels != "7")].mean(0)
    own = codes[torch.from_numpy(labels == "7")].mean(0)
    nearer = (sevens - own).norm(dim=1) < (sevens - other).norm(dim=1)
    assert float(nearer.float().mean()) > 0.9
    x = decoder(model)(sevens)
    assert float(x.var(0).sum()) > 0.4 * float(
        model.reconstruct(digits.select(labels == "7")).var(0).sum()
    )
