"""Morph, steer, priors and generate on every recipe there is: they work, or refuse with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import narrows as nw
from narrows.applications import (
    decode_samples,
    decoder,
    decodings,
    fit_to_transform,
    morph_codes,
    steer_codes,
    traverse,
)
from narrows.parts import Part, build
from narrows.priors import fit_prior, load_prior, prior_for, sample_codes, save_prior

SHAPE = (1, 13, 11)
pytestmark = pytest.mark.filterwarnings("ignore:a SegNet ladder decodes without:UserWarning")


@pytest.fixture(params=nw.recipes.listed())
def model(request, narrow) -> nw.Autoencoder:
    found: nw.Autoencoder = narrow(request.param, SHAPE)
    return found


@pytest.fixture
def x() -> torch.Tensor:
    pixels = torch.randint(256, (24, *SHAPE), generator=torch.Generator().manual_seed(0))
    return pixels / 255


def test_morph(model, x) -> None:
    z = model.encode(x[:3]).z
    for blend in ("linear", "spherical"):
        found = morph_codes(decoder(model), z, x[:3], frames=5, blend=blend)
        assert found.frames.shape == (5, *SHAPE)
        assert torch.allclose(found.frames[[0, 2, 4]], decoder(model)(z), atol=1e-5)


def test_steer(model, x) -> None:
    def codes(x: torch.Tensor) -> torch.Tensor:
        return model.encode(x).z

    steering = fit_to_transform(codes, x, build("transform", Part("brightness")))
    z = codes(x[:2])
    shown = steer_codes(decoder(model), steering, z, torch.tensor([0.0, 0.2]))
    assert shown.shape == (2, 2, *SHAPE) and bool(torch.isfinite(shown).all())
    assert torch.allclose(shown[0], decoder(model)(z), atol=1e-5)


def test_several_decodings(model, x) -> None:
    if model.encode(x[:1]).log_variance is None:
        with pytest.raises(ValueError, match="need codes with a distribution"):
            decodings(model.encode, decoder(model), x[:2], 3)
    else:
        found = decodings(model.encode, decoder(model), x[:2], 3)
        assert found.samples.shape == (3, 2, *SHAPE)


def test_a_fitted_prior_generates(model, x, tmp_path: Path) -> None:
    quantised = hasattr(model.bottleneck, "lookup")
    if model.bottleneck.generative:
        prior_for(model, "normal")
    name, given = ("autoregressive", {"steps": 5, "width": 8}) if quantised else ("gaussian", {})
    prior = fit_prior(model, x, name, **given)
    save_prior(prior, model, tmp_path)
    again = load_prior(model, tmp_path, name)
    found = decode_samples(
        decoder(model, 0), lambda n, seed: sample_codes(model, again, n, seed), 3
    )
    assert found.codes.shape == (3, *model.code_shape)
    assert found.pictures.shape == (3, *SHAPE) and bool(torch.isfinite(found.pictures).all())
    if prior.spread is not None:
        mean, deviation = (one.reshape(model.code_shape) for one in prior.spread)
        found = traverse(decoder(model), mean, deviation, steps=3, most=2)
        assert found.pictures.shape == (2, 3, *SHAPE)
