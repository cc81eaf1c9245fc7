"""What models, recipes, pictures, codes and priors say of themselves, and a model's own verbs."""

from __future__ import annotations

import base64
import io
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
from narrows.applications import decoder
from narrows.parts import Part, listed
from narrows.priors import fit_prior, prior_for, sample_codes
from narrows.randomness import Draws

SHAPE = (1, 8, 8)
X = torch.randint(256, (40, *SHAPE), generator=torch.Generator().manual_seed(0)).byte()


def built(name: str) -> nw.Autoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nw.recipes.recipe(name)(SHAPE).build().eval()


def test_a_model_says_what_it_is() -> None:
    model = built("mlp-vae")
    weights = sum(p.numel() for p in model.parameters())
    assert repr(model) == (
        f"<Autoencoder: pictures 1×8×8, codes (16,), {weights:,} weights: "
        "dense 512 (activation relu, norm none) → gaussian 16 (layout flat) → bernoulli>"
    )


def test_a_recipe_says_what_it_is() -> None:
    recipe = nw.recipes.burda_2016_iwae(SHAPE)
    lines = repr(recipe).splitlines()
    assert lines[0] == "Recipe burda-2016-iwae" and len(lines) == 5
    assert [line.split()[0] for line in lines[1:]] == ["pictures", "model", "training", "source"]
    assert nw.recipes.model_in_words(recipe) in lines[2]
    html = recipe.with_(name="<b>")._repr_html_()
    assert html.startswith("<table>") and "&lt;b&gt;" in html and "<b>" not in html


def test_pictures_show_sixteen_of_themselves() -> None:
    for shape in ((40, 1, 8, 8), (3, 3, 90, 45), (2, 2, 5, 5)):
        images = nw.images.Images(torch.randint(256, shape).byte())
        html = images._repr_html_()
        (png,) = re.findall(r"base64,([^']+)'", html)
        shown = Image.open(io.BytesIO(base64.b64decode(png)))
        n, width = min(16, shape[0]), round(shape[3] * 64 / shape[2])
        assert shown.size == (n * (width + 2) - 2, 64) and images.description in html
    pixels = np.asarray(shown)  # each pixel of a small picture is a square
    assert (pixels[0, 0] == int(images.pixels[0, 0, 0, 0])).all()


def test_a_code_says_what_it_holds() -> None:
    model = built("mlp-vae")
    assert repr(model.encode(X)) == "<Code: 40 of shape (16,), with mean and log_variance>"
    assert repr(model.encode(X, 3)).startswith("<Code: 40 of shape (16,), 3 draws each, with mean")
    assert "with indices" in repr(built("oord-2017-vq-vae").encode(X))


@pytest.mark.parametrize("name", listed("prior"))
def test_a_prior_says_what_it_is(name: str) -> None:
    quantised = listed("prior")[name].takes == "indices"
    prior = prior_for(built("oord-2017-vq-vae" if quantised else "mlp-vae"), name)
    assert repr(prior).startswith(f"<prior: {name} ")


@pytest.mark.parametrize("name", ["mlp-vae", "sonderby-2016-ladder-vae"])
def test_samples_are_those_of_the_standard_normal(name: str) -> None:
    model = built(name)
    found = model.sample(7, seed=3, batch_size=4)
    assert found.shape == (7, *SHAPE) and 0 <= found.min() <= found.max() <= 1
    codes = sample_codes(model, prior_for(model, "normal"), 7, 3)
    assert torch.equal(found, decoder(model, 3, batch_size=4)(codes))
    assert torch.equal(found, model.sample(7, seed=3, batch_size=4))
    assert not torch.equal(found, model.sample(7, seed=4, batch_size=4))


def test_samples_of_a_fitted_prior() -> None:
    model = built("conv-autoencoder")
    with pytest.raises(ValueError, match="have no prior of their own: fit one with narrows.priors"):
        model.sample(2)
    prior = fit_prior(model, X, "gaussian")
    done: list[tuple[int, int]] = []
    found = model.sample(5, prior=prior, progress=lambda *at: done.append(at))
    assert torch.equal(found, decoder(model, 0)(sample_codes(model, prior, 5))) and done == [(5, 5)]
    with pytest.raises(ValueError, match="at least 1 picture is drawn; we got n=0"):
        model.sample(0)


def test_samples_of_a_code_book() -> None:
    model = built("oord-2017-vq-vae")
    prior = fit_prior(model, X, "autoregressive", steps=1)
    codes = sample_codes(model, prior, 5)
    assert torch.equal(model.sample(5, prior=prior), decoder(model, 0)(codes))
    near = model.codes_of(codes.flatten(1))  # entries are nearest to themselves
    assert torch.equal(near, codes)


def test_the_loss_is_the_negative_elbo_and_has_a_gradient() -> None:
    model = built("mlp-vae")
    x = X / 255
    code = model.posterior(x, 2, Draws(5))
    log_px = model.likelihood.log_prob(model.raw(code), x)
    wanted = model.bottleneck.kl(code).mean() - log_px.mean()
    loss = model.loss(x, 2, Draws(5))
    assert loss.shape == () and torch.allclose(loss, wanted)
    loss.backward()
    gradients = [p.grad for p in model.parameters()]
    assert all(g is not None and bool(torch.isfinite(g).all()) for g in gradients)
    assert torch.equal(model.loss(x), model.loss(x))


def test_the_loss_without_a_prior_is_that_of_the_pictures() -> None:
    model = nw.recipes.mlp_autoencoder(SHAPE, 4).with_(likelihood=Part("gaussian")).build()
    x = X / 255
    with torch.no_grad():
        squares = (model(x) - x).square().sum((1, 2, 3)).mean()
        wanted = float(squares) / 2 + 32 * math.log(2 * math.pi)
        assert float(model.loss(x)) == pytest.approx(wanted, rel=1e-5)


def test_a_figure_shows_itself_where_pyplot_was_never_imported() -> None:
    figure = nw.figures.loss_curves([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}])
    assert figure._repr_png_() == nw.figures.png(figure)


def test_the_first_figure_of_a_result_is_one_that_a_notebook_shows() -> None:
    result = nw.generate(built("mlp-vae"), 6, progress=False)
    sheet = result.figures()["sheet"]
    assert isinstance(sheet, np.ndarray)
    assert isinstance(result.figure(), Image.Image)
    assert np.array_equal(np.asarray(result.figure()), sheet)
    assert "6 samples, prior: normal" in result._repr_html_()


def test_a_result_leaves_nothing_out_in_a_notebook() -> None:
    result = nw.evaluate(built("mlp-vae"), X, progress=False)
    html = result._repr_html_()
    assert html.count("<table>") == 1 and "over 40 pictures: " in html and "ELBO" in html
    assert str(result.table()).splitlines()[0] not in html  # its table is there once


def test_a_history_shows_itself_as_a_table() -> None:
    model = nw.fit("mlp-vae", X, epochs=12, validation=0.2, report="quiet")
    assert model.history is model.run.history and len(model.history) == 12
    lines = repr(model.history).splitlines()
    assert lines[0].split() == ["epoch", "loss", "kl", "validation", "loss", "best", "seconds"]
    assert [line.split()[0] for line in lines[1:11]] == [*"12345", *map(str, range(8, 13))]
    assert lines[11:] == ["(the first and the last 5 of 12 epochs)"]
    assert len(model.history.table()) == 12 and model.history._repr_html_().count("<tr>") == 11
    short = type(model.history)(model.history[:3])
    assert len(repr(short).splitlines()) == 4 and repr(type(short)()) == "[]"


def test_a_run_says_what_it_has_seen() -> None:
    array = X.numpy()
    model = nw.fit("mlp-vae", array[:30], epochs=1, validation=0.2, report="quiet")
    train, kept = (len(model.run.seen[name]) for name in ("train", "validation"))
    assert repr(model.run) == (
        f"<Run: has seen {train} of train and {kept} of validation, 1 epoch, seed 0>"
    )
    split = model.run.split(array)  # an array, as fit takes one
    assert repr(split) == f"<RunSplit: {train} trained, {kept} validated, 10 new>"
    assert split.new.tolist() == list(range(30, 40))
    unknown = nw.training.Run(model.preprocessing)
    assert repr(unknown) == "<Run: does not say what it has seen, 0 epochs, seed 0>"
    assert repr(unknown.split(X)).endswith(
        f"40 trained, 0 validated, 0 new; {unknown.split(X).note}>"
    )
