"""The one model class: encode, decode, reconstruct."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

import narrows as nw
from narrows.bottlenecks import Point
from narrows.networks import dense_ladder
from narrows.objectives import Gaussian
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.training import select_device

SHAPE = (1, 13, 11)


@pytest.fixture
def vae() -> nw.Autoencoder:
    """Convolutional, with batch normalisation, trained on nothing."""
    torch.manual_seed(0)
    return nw.recipes.conv_vae(SHAPE, 3, widths=(4,)).build()


@pytest.fixture
def plain() -> nw.Autoencoder:
    torch.manual_seed(0)
    return nw.recipes.mlp_autoencoder(SHAPE, 3, widths=(6,)).build()


def test_it_is_built_of_parts_or_of_objects() -> None:
    ladder = Part("dense", {"shape": SHAPE, "widths": (6,)})
    of_parts = nw.Autoencoder(ladder, Part("point", {"size": 3}), Part("mse"))
    of_objects = nw.Autoencoder(dense_ladder(SHAPE, (6,)), Point((6,), 3), Gaussian(0.5))
    assert of_parts.shape == of_objects.shape == SHAPE
    assert of_parts.code_shape == of_objects.code_shape == (3,)
    assert of_parts.parts()["ladder"] == of_objects.parts()["ladder"]
    assert of_objects.parts()["likelihood"] == Part(
        "gaussian", {"variance": 0.5, "output": "sigmoid"}
    )


def test_source_array_and_tensor_give_the_same_codes(vae, tiny) -> None:
    wanted = vae.encode(tiny).z
    assert wanted.shape == (5, 3)
    pixels = tiny.pixels
    for given in (pixels, pixels.numpy(), pixels.float() / 255, pixels[:, 0], pixels[:, 0].numpy()):
        assert torch.equal(vae.encode(given).z, wanted)


def test_channels_may_come_last() -> None:
    model = nw.recipes.mlp_autoencoder((3, 6, 5), 2, widths=(4,)).build()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 6, 5, 3), np.uint8)
    turned = pixels.transpose(0, 3, 1, 2)
    assert torch.equal(model.encode(pixels).z, model.encode(np.ascontiguousarray(turned)).z)


@pytest.mark.parametrize("name", ["vae", "plain"])
@pytest.mark.parametrize("samples", [None, 1, 3])
def test_batches_do_not_show(name: str, samples: int | None, tiny, request) -> None:
    model = request.getfixturevalue(name)
    code = model.encode(tiny, samples, batch_size=2)
    assert code.z.shape == ((5, 3) if samples is None else (samples, 5, 3))
    assert len(code) == 5 and code.pooling_indices == ()
    if samples is None:
        assert torch.allclose(code.z, model.encode(tiny).z, atol=1e-6)


def test_draws_follow_the_seed(vae, tiny) -> None:
    one, same, other = (vae.encode(tiny, 2, seed=seed).z for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_progress_is_told(vae, tiny) -> None:
    seen: list[tuple[int, int]] = []
    vae.encode(tiny, batch_size=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("call", ["encode", "reconstruct"])
def test_another_shape_is_refused(vae, call: str) -> None:
    sentence = (
        "this model takes pictures of shape (1, 13, 11); we got (3, 13, 12): "
        "open them with size=(13, 11) and mode='gray'"
    )
    with pytest.raises(ValueError, match=re.escape(sentence)):
        getattr(vae, call)(torch.rand(2, 3, 13, 12))


def test_what_is_no_picture_is_refused(vae) -> None:
    with pytest.raises(ValueError, match="pictures must be a Source, an array or a tensor"):
        vae.encode("photos/")
    with pytest.raises(nw.errors.NoImages, match="holds no picture"):
        vae.encode(torch.zeros(0, *SHAPE))


@pytest.mark.parametrize("training", [True, False])
def test_encoding_leaves_mode_and_statistics_as_they_were(vae, tiny, training: bool) -> None:
    vae.train(training)
    before = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    vae.encode(tiny)
    vae.reconstruct(tiny)
    assert vae.training is training
    assert all(m.training is training for m in vae.modules())
    after = vae.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_mode_comes_back_after_an_error(vae) -> None:
    vae.train()
    with pytest.raises(RuntimeError, match="stop"), vae.evaluating():
        assert not vae.training and not torch.is_grad_enabled()
        raise RuntimeError("stop")
    assert vae.training and torch.is_grad_enabled()


def test_forward_is_reconstruct(vae, tiny) -> None:
    x = tiny.batch(torch.arange(5))
    vae.eval()
    with torch.no_grad():
        wanted = vae(x)
    assert wanted.shape == (5, *SHAPE) and 0 <= float(wanted.min()) and float(wanted.max()) <= 1
    assert torch.equal(vae.reconstruct(tiny), wanted)
    assert torch.allclose(vae.decode(vae.encode(tiny).z).detach(), wanted, atol=1e-6)


def test_decode_keeps_every_leading_axis(vae) -> None:
    vae.eval()
    z = torch.randn(2, 4, 5, 3)
    pictures = vae.decode(z)
    assert pictures.shape == (2, 4, 5, *SHAPE)
    assert torch.allclose(pictures[1, 2], vae.decode(z[1, 2]), atol=1e-6)
    assert vae.decode(z[:, :0, 0]).shape == (2, 0, *SHAPE)


def test_decode_takes_one_code(vae) -> None:
    vae.eval()
    z = torch.randn(3)
    assert vae.decode(z).shape == SHAPE
    assert torch.equal(vae.decode(z), vae.decode(z[None])[0])


def test_decode_of_map_codes() -> None:
    model = nw.Autoencoder(
        Part("conv", {"shape": SHAPE, "widths": (4,)}),
        Part("gaussian", {"size": 2, "layout": "map"}),
        Part("bernoulli"),
    )
    assert model.code_shape == (2, 7, 6)
    assert model.decode(torch.randn(3, 4, 2, 7, 6)).shape == (3, 4, *SHAPE)


def test_codes_of_another_shape_are_refused(vae) -> None:
    with pytest.raises(ValueError, match=re.escape("shape (…, 3); we got (2, 4)")):
        vae.decode(torch.zeros(2, 4))


def test_decoding_and_the_posterior_are_differentiable(vae) -> None:
    z = torch.randn(2, 3, requires_grad=True)
    vae.decode(z).sum().backward()
    assert float(z.grad.abs().sum()) > 0
    x = torch.rand(2, *SHAPE, requires_grad=True)
    vae.posterior(x, 2, Draws(1)).z.sum().backward()
    assert float(x.grad.abs().sum()) > 0


def test_state_is_identical_after_load(vae, tiny, tmp_path) -> None:
    nw.save(vae, tmp_path / "model")
    loaded = nw.load(tmp_path / "model")
    mine, other = vae.state_dict(), loaded.state_dict()
    assert list(mine) == list(other)
    assert all(torch.equal(mine[name], other[name]) for name in mine)
    assert not loaded.training
    assert loaded.recipe == vae.recipe
    select_device("cpu", "float32").place(vae)  # the same memory layout, the same rounding
    assert torch.equal(loaded.encode(tiny).z, vae.encode(tiny).z)
    assert torch.equal(loaded.reconstruct(tiny), vae.reconstruct(tiny))


@pytest.mark.parametrize(
    "parts, sentence",
    [
        (
            (nn.Linear(2, 2), Part("mse")),
            "a bottleneck is a narrows.bottlenecks.Bottleneck; we got Linear",
        ),
        (
            (Part("point"), nn.Linear(2, 2)),
            "a likelihood is a narrows.objectives.Likelihood; we got Linear",
        ),
        (
            (Part("pont"), Part("mse")),
            "there is no bottleneck named 'pont', only finite-scalar, gaussian, ",
        ),
        (
            (Part("point", {"size": 2, "layout": "map"}), Part("mse")),
            "a map-shaped code needs a ladder that ends in a map; this one ends in (6,)",
        ),
    ],
)
def test_what_cannot_work_is_refused_when_built(parts, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        nw.Autoencoder(dense_ladder(SHAPE, (6,)), *parts)
