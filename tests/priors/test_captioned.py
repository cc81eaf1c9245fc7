"""A flow that is told captions: how it is fitted, stored and drawn from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import narrows as nw
from narrows import files
from narrows.errors import BadFile
from narrows.images.views import Subset
from narrows.priors import CaptionFlow, fit_prior, load_prior, prior_for, sample_codes, save_prior

QUICK = {"width": 16, "reader": 8, "steps": 30}


@pytest.fixture(scope="module")
def model() -> nw.Autoencoder:
    torch.manual_seed(0)
    return nw.recipes.mlp_autoencoder((1, 8, 8), 4, widths=(16,)).build().eval()


@pytest.fixture
def stored(model: nw.Autoencoder, digits, tmp_path: Path) -> Path:
    prior = fit_prior(model, digits.select(range(200)), "caption-flow", **QUICK)
    return save_prior(prior, model, tmp_path, fitted_on=200)


def test_captions_are_made_of_labels(model, digits) -> None:
    prior = fit_prior(model, digits.select(range(200)), "caption-flow", **QUICK)
    assert {"seven", "7", "a", "digit", "zero"} <= set(prior.words)
    assert prior.part.arguments["words"] == prior.words
    one, same = (sample_codes(model, prior, 5, 3, caption="a seven") for _ in range(2))
    assert torch.equal(one, same) and one.shape == (5, 4)
    for other in (
        sample_codes(model, prior, 5, 4, caption="a seven"),
        sample_codes(model, prior, 5, 3),
    ):
        assert not torch.equal(one, other)
    assert not torch.equal(one, sample_codes(model, prior, 5, 3, caption="a three"))
    assert torch.equal(one, sample_codes(model, prior, 5, 3, caption="  A Seven. "))


def test_captions_are_made_of_factors() -> None:
    sprites = nw.images.named("sprites", "train")  # some of all, made on demand
    some = Subset(sprites, range(0, len(sprites), len(sprites) // 60))
    small = nw.recipes.mlp_autoencoder((1, 64, 64), 4, widths=(8,)).build().eval()
    prior = fit_prior(small, some, "caption-flow", **QUICK)
    assert {"small", "little", "heart", "top", "left"} <= set(prior.words)
    found = sample_codes(small, prior, 3, caption="a small heart at the top left")
    assert found.shape == (3, 4) and bool(torch.isfinite(found).all())


def test_captions_of_ones_own(model) -> None:
    x = torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    said = [("my dog", "Tom")] * 15 + [("my cat", "Mia")] * 15
    prior = fit_prior(model, x, "caption-flow", captions=said, **QUICK)
    assert prior.words == ("cat", "dog", "mia", "my", "tom")
    with pytest.raises(ValueError, match="says 'dig'; did you mean 'dog'?"):
        prior.sample(1, caption="my dig")


def test_what_it_was_fitted_to_is_in_the_file(model, digits, stored: Path) -> None:
    prior = load_prior(model, stored.parent, "caption-flow")
    assert isinstance(prior, CaptionFlow) and "seven" in prior.words
    fresh = fit_prior(model, digits.select(range(200)), "caption-flow", **QUICK)
    drawn = [sample_codes(model, p, 6, 1, caption="the digit 7") for p in (prior, fresh)]
    assert torch.equal(*drawn)
    _, header = files.load_tensors(stored)
    assert header["prior"]["words"] == list(prior.words)
    assert header["model"] == model.fingerprint()


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"words": "all of them"}, "a list of at most 4,096 words"),
        ({"words": ["\x1b[2J"]}, "a word has small letters"),
        ({"words": ["one"]}, "tensors .* were wanted"),
        ({"words": 10**9}, "a list of at most"),
        ({"width": 10**9}, "at most 64 blocks of 8,192 units"),
        ({"depth": 10**9}, "at most 64 blocks"),
        ({"reader": 10**9}, "at most 1,024 units"),
        ({"guidance": 1e9}, "above 0 and at most 20"),
        ({"guidance": "all"}, ""),
        ({"reader": -1}, "whole number of at least 1"),
        ({"size": 10**12}, None),  # the model's own size counts
        ({"words": {"part": "os.system"}}, "a list of at most"),
    ],
)
def test_hostile_headers_are_refused(model, stored: Path, changed, said) -> None:
    tensors, header = files.load_tensors(stored)
    files.save_tensors(stored, tensors, header | {"prior": header["prior"] | changed})
    if said is None:
        load_prior(model, stored.parent, "caption-flow")
        return
    with pytest.raises(BadFile, match=f"no prior that can be used: .*{said}"):
        load_prior(model, stored.parent, "caption-flow")


def test_what_cannot_be_fitted(model, digits) -> None:
    x = torch.rand(6, 1, 8, 8)
    with pytest.raises(ValueError, match="captions are made of labels"):
        fit_prior(model, x, "caption-flow")
    with pytest.raises(ValueError, match="'flow' reads no captions; fit 'caption-flow'"):
        fit_prior(model, x, "flow", captions=[("a",)] * 6)
    for said in ([("a",)] * 5, [("a",), ("a", "b")] * 3, [()] * 6):
        with pytest.raises(ValueError, match="captions of 6 codes were wanted"):
            fit_prior(model, x, "caption-flow", captions=said, **QUICK)
    with pytest.raises(ValueError, match="at most 1,024 units"):
        prior_for(model, "caption-flow", reader=5000)
    with pytest.raises(ValueError, match="at most 64 blocks"):
        fit_prior(model, x, "flow", depth=65)
