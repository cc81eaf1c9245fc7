"""Morphs through more than two pictures, and several decodings of one."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from torch import Tensor

import narrows as nw
from narrows.applications import decoder, decodings, morph, morph_codes
from narrows.applications.morph import half_way, sample_posterior


def decode(z: Tensor, progress=None) -> Tensor:
    """The code is the picture."""
    return z.reshape(-1, 1, 4, 4)


CORNERS = torch.eye(16)[[0, 6, 15]]
PICTURES = CORNERS.reshape(3, 1, 4, 4)


def test_the_way_goes_through_every_picture_in_equal_stretches() -> None:
    found = morph_codes(decode, CORNERS, PICTURES, frames=5)
    assert torch.allclose(found.alphas, torch.tensor([0, 0.25, 0.5, 0.75, 1]).double())
    flat = found.frames.flatten(1)
    wanted = [CORNERS[0], CORNERS[:2].mean(0), CORNERS[1], CORNERS[1:].mean(0), CORNERS[2]]
    assert torch.allclose(flat, torch.stack(wanted))
    assert torch.allclose(found.frames, found.fade)
    assert found.uneven == pytest.approx(1)
    assert found.sharpness == pytest.approx(found.fade_sharpness)


def test_half_way_of_a_linear_model_is_a_fade_of_its_reconstructions() -> None:
    x = 0.4 + torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0)) / 5
    model = nw.fit(nw.recipes.linear_autoencoder((1, 4, 4), 3).with_(steps=1), x, report="quiet")
    middles = (x + x.roll(1, 0)) / 2
    found = half_way(model, x, middles)
    assert list(found) == ["model", "a fade of the pixels", "a fade of the reconstructions"]
    assert found["a fade of the pixels"].abs().max() < 1e-3  # each is among the real ones
    assert torch.allclose(found["model"], found["a fade of the reconstructions"], atol=1e-3)
    wanted = [min(float((one - each).square().mean().sqrt()) for each in x) for one in middles]
    away = half_way(model, x, x)["a fade of the pixels"]
    assert away.tolist() == pytest.approx(wanted, abs=1e-5)


def test_only_some_places_of_the_way() -> None:
    found = morph_codes(decode, CORNERS[:2], PICTURES[:2], alphas=[1.0, 0.25])
    wanted = torch.stack([CORNERS[1], 0.75 * CORNERS[0] + 0.25 * CORNERS[1]])
    assert torch.allclose(found.frames.flatten(1), wanted)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"alphas": [0.5, 1.2]}, r"from the first picture \(0\) to the last \(1\); we got 1.2"),
        ({"alphas": [-0.1]}, "we got -0.1"),
        ({"alphas": [float("nan")]}, "we got nan"),
        ({"frames": 1}, "at least 2 frames; we got 1"),
        ({"blend": "cubic"}, "blend must be linear or spherical; we got 'cubic'"),
    ],
)
def test_morphs_that_cannot_be(given, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        morph_codes(decode, CORNERS, PICTURES, **given)


def test_a_morph_needs_two_pictures() -> None:
    with pytest.raises(ValueError, match="at least 2 pictures with a code each"):
        morph_codes(decode, CORNERS[:1], PICTURES[:1])


def test_the_same_picture_twice_stays_as_it_is() -> None:
    found = morph_codes(decode, CORNERS[[0, 0]], PICTURES[[0, 0]], frames=4, blend="spherical")
    assert torch.allclose(found.frames, PICTURES[:1].expand(4, -1, -1, -1))
    assert found.uneven == 1


def test_several_decodings_of_one_picture(digits) -> None:
    model = nw.recipes.mlp_vae(digits.shape, 4).build().eval()
    x = digits.batch(torch.arange(3))
    found = decodings(model.encode, decoder(model), x, 6, seed=1)
    assert found.means.shape == (3, 1, 8, 8) and found.samples.shape == (6, 3, 1, 8, 8)
    assert torch.allclose(found.means, model.reconstruct(x), atol=1e-6)
    again = decodings(model.encode, decoder(model), x, 6, seed=1)
    assert torch.equal(found.samples, again.samples)
    spread = (found.samples - found.samples.mean(0)).square().sum(0) / 5
    assert torch.allclose(found.deviation, spread.flatten(1).mean(1).sqrt(), atol=1e-6)


def test_points_have_one_decoding_only(digits) -> None:
    model = nw.recipes.mlp_autoencoder(digits.shape, 4).build().eval()
    with pytest.raises(ValueError, match="need codes with a distribution, and this model's are"):
        decodings(model.encode, decoder(model), digits.batch(torch.arange(2)), 4)
    with pytest.raises(ValueError, match="several decodings are at least 2; we got samples=1"):
        decodings(model.encode, decoder(model), digits.batch(torch.arange(2)), 1)


def test_the_verb_goes_through_any_pictures(digits, tmp_path) -> None:
    model = nw.recipes.mlp_vae(digits.shape, 4).build().eval()
    found = morph(model, digits.pixels[:3].numpy(), frames=5, progress=False)
    assert found.frames.shape == (5, *digits.shape) and list(found.ids) == ["0", "1", "2"]
    assert torch.allclose(
        found.frames[[0, 2, 4]], model.reconstruct(digits.select(range(3))), atol=1e-5
    )
    assert found.table().columns["sharpness half-way"] == [found.sharpness, found.fade_sharpness]
    film = found.save(tmp_path / "m.gif")
    with Image.open(film["morph"]) as shown:
        assert shown.n_frames == 8
    drawn = sample_posterior(model, digits.select(range(2)), samples=3, progress=False)
    assert drawn.samples.shape == (3, 2, *digits.shape) and bool((drawn.deviation > 0).all())
    assert torch.equal(drawn.pictures, digits.batch(torch.arange(2)))


def test_what_gives_codes_only_cannot_be_morphed(digits) -> None:
    with pytest.raises(ValueError, match="a model, or the folder of one, was wanted"):
        morph(object(), digits.select(range(2)), progress=False)
