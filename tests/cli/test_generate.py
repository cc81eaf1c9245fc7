"""``narrows prior`` and ``narrows generate`` as a person meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    """A copy, whose folder priors may be put into."""
    return Path(shutil.copytree(trained, tmp_path / "model"))


@pytest.fixture
def points(narrows, tmp_path: Path) -> Path:
    folder = tmp_path / "points"
    given = ("--recipe", "mlp-autoencoder", "--code-size", 2, "--epochs", 1, "--to", folder)
    assert narrows("train", "digits", *given).code == 0
    (folder / "prior-mixture.safetensors").unlink()  # as a model saved from Python
    return folder


def test_a_training_ends_with_a_prior_and_a_plain_model_draws_at_once(narrows, tmp_path) -> None:
    """Random noise is where no code is: a plain autoencoder draws from a mixture fitted to its codes."""
    model, out = tmp_path / "model", tmp_path / "g.png"
    given = ("--recipe", "mlp-autoencoder", "--code-size", 3, "--epochs", 1, "--to", model)
    assert narrows("train", "digits", *given).code == 0
    fitted = (model / "prior-mixture.safetensors").read_bytes()
    result = narrows("generate", model, "-n", 4, "-o", out)
    assert result.code == 0 and "4 samples, prior: mixture" in result.out
    assert all(line.startswith("note: a Gaussian of PCA") for line in result.err.splitlines())
    assert narrows("generate", model, "--prior", "normal", "-n", 4, "-o", out).code == 0
    assert narrows("train", "digits", *given, "--resume").code == 0
    assert (model / "prior-mixture.safetensors").read_bytes() == fitted


def test_few_pictures_make_no_prior_and_it_is_said(narrows, tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", nw.images.named("digits").pixels[:12].numpy())
    model = tmp_path / "model"
    given = ("--recipe", "mlp-vae", "--epochs", 1, "--to", model)
    result = narrows("train", tmp_path / "few.npy", *given)
    assert result.code == 0 and "no prior was fitted to the codes of 1" in result.err
    result = narrows("generate", model, "-n", 2, "-o", tmp_path / "g.png")
    assert result.code == 0 and "prior: normal" in result.out and "narrows prior" in result.err


def test_a_variational_model_generates_at_once(narrows, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    result = narrows("generate", model, "-n", 12, "-o", out, "--seed", 3)
    assert result.code == 0 and "12 samples" in result.out and "mixture" in result.out
    before = out.read_bytes()
    narrows("generate", model, "-n", 12, "-o", out, "--seed", 3)
    assert out.read_bytes() == before
    narrows("generate", model, "-n", 12, "-o", out, "--seed", 4)
    assert out.read_bytes() != before


def test_where_pictures_go_by_themselves(narrows, model: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = narrows("generate", model, "-n", 2)
    assert result.out.splitlines() == ["2 samples, prior: mixture", "look at generated.png"]
    result = narrows("generate", model, "-n", 2, "--files")
    assert "look at generated/sheet.png" in result.out and Path("generated.png").is_file()


def test_single_files(narrows, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "many"
    result = narrows("generate", model, "-n", 11, "--files", "-o", out, "--json")
    document = json.loads(result.out)
    assert len(document["files"]["pictures"]) == 11
    assert {path.name for path in out.iterdir()} == {
        "sheet.png",
        "generated.json",
        *(f"{i:02d}.png" for i in range(11)),
    }
    with Image.open(out / "03.png") as picture:
        assert picture.size == (8, 8)


@pytest.mark.parametrize("kind", ["gaussian", "mixture", "flow"])
def test_a_fitted_prior_makes_a_plain_model_generative(
    narrows, points: Path, tmp_path: Path, kind: str
) -> None:
    refused = narrows("generate", points, "-o", tmp_path / "g.png")
    assert refused.code == 2 and "have no prior to draw from: run `narrows prior" in refused.err
    quick = ("--set", "steps=30") if kind == "flow" else ()
    result = narrows("prior", points, "digits", "--kind", kind, *quick, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    names = [row["name"] for row in document["rows"]]
    assert names[0] == kind and names[-1] == "training codes" and "normal" in names
    assert document["judged_on"] == "validation"
    assert (points / f"prior-{kind}.safetensors").exists()
    made = narrows("generate", points, "-n", 9, "-o", tmp_path / "g.png")
    assert made.code == 0 and kind in made.out
    assert len(np.unique(np.asarray(Image.open(tmp_path / "g.png")))) > 20
    for how in ("--manifold", "--traverse"):
        made = narrows("generate", points, how, "--prior", kind, "-o", tmp_path / f"{how}.png")
        assert made.code == 0, made.err


def test_two_priors_ask_for_a_choice(narrows, points: Path, tmp_path: Path) -> None:
    for kind in (("gaussian",), ("flow", "--set", "steps=5")):
        assert narrows("prior", points, "digits", "--kind", *kind).code == 0
    result = narrows("generate", points, "-o", tmp_path / "g.png")
    assert result.code == 2 and "flow, gaussian: choose one with --prior" in result.err
    assert narrows("prior", points, "digits").code == 0  # a mixture is what is meant by default
    result = narrows("generate", points, "-o", tmp_path / "g.png")
    assert result.code == 0 and "prior: mixture" in result.out


def test_traversals(narrows, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.png"
    given = ("--traverse", "--unit", 3, "--unit", 0, "--reach", 2, "-o", out, "--json")
    document = json.loads(narrows("generate", model, *given).out)
    assert document["units"] == [3, 0] and document["deviations"][-1] == 2
    assert out.exists() and document["around"].isdigit()  # a picture of the training
    film = tmp_path / "t.webp"
    result = narrows("generate", model, "--traverse", "-o", film)
    assert result.code == 0 and "traversals of 10 axes, around" in result.out
    with Image.open(film) as picture:
        assert picture.n_frames > 2 and picture.width > 500
    result = narrows("generate", model, "--traverse", "--prior", "mixture", "-o", out)
    assert result.code == 0 and "around a code drawn from the prior" in result.out


@pytest.mark.parametrize(
    "options, code, words",
    [
        (("--prior", "flow"), 1, "no prior 'flow' was fitted"),
        (("--prior", "flwo"), 2, "did you mean 'flow'?"),
        (("--manifold",), 2, "codes of two numbers; this model's have 16"),
        (("--manifold", "--traverse"), 2, "choose one"),
        (("--traverse", "--unit", "16"), 2, "units 0 to 15; we got 16"),
        (("-n", "0"), 2, "at least 1 picture"),
        (("-o", "g.jpg"), 2, "-o names a PNG"),
        (("--unit", "3"), 2, "--unit is of --traverse"),
        (("--manifold", "--reach", "2"), 2, "--reach is of --traverse"),
        (("--traverse", "--reach", "0"), 2, "a reach above 0"),
    ],
)
def test_wrong_usage(narrows, trained: Path, tmp_path, monkeypatch, options, code, words) -> None:
    monkeypatch.chdir(tmp_path)
    result = narrows("generate", trained, *options)
    assert result.code == code and result.out == ""
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("narrows: ") and words in last
    assert list(tmp_path.iterdir()) == []


def test_a_prior_of_another_model_is_refused(narrows, model: Path, points: Path, tmp_path) -> None:
    assert narrows("prior", model, "digits", "--kind", "gaussian").code == 0
    shutil.copy(model / "prior-gaussian.safetensors", points)
    result = narrows("generate", points, "--prior", "gaussian", "-o", tmp_path / "g.png")
    assert result.code == 1 and "codes of another model" in result.err
    assert not (tmp_path / "g.png").exists()


@pytest.mark.parametrize(
    "options, words",
    [
        (("--kind", "flwo"), "did you mean 'flow'?"),
        (("--kind", "autoregressive"), "codes are numbers"),
        (("--kind", "normal"), "nothing of the prior 'normal' is fitted: run `narrows generate"),
        (("--set", "components=0"), "whole number of at least 1; we got 0"),
        (("--set", "components=2.5"), "whole number of at least 1; we got 2.5"),
        (("--kind", "flow", "--set", "steps=1e3"), "steps of a flow is a whole number"),
        (("--kind", "flow", "--set", "learning-rate=inf"), "a finite number above 0; we got inf"),
        (("--set", "size=3"), "the size of a prior is that of the model's codes; leave it out"),
        (("--set", "components=two"), "NAME=NUMBER"),
        (("--set", "width=3"), "takes size, components"),
        (("--limit", "0"), "limit is at least 1"),
    ],
)
def test_priors_that_cannot_be(narrows, model: Path, options, words: str) -> None:
    before = (model / "prior-mixture.safetensors").read_bytes()
    result = narrows("prior", model, "digits", *options)
    assert result.code == 2 and result.out == ""
    assert words in result.err.strip().splitlines()[-1]
    assert [path.name for path in model.glob("prior-*")] == ["prior-mixture.safetensors"]
    assert (model / "prior-mixture.safetensors").read_bytes() == before


def test_of_a_code_book(narrows, tmp_path: Path) -> None:
    model = nw.recipes.oord_2017_vq_vae((1, 8, 8)).build()
    nw.save(model, tmp_path / "vq")
    result = narrows("generate", tmp_path / "vq", "-o", tmp_path / "g.png")
    assert result.code == 2 and "--kind autoregressive" in result.err
    result = narrows("generate", tmp_path / "vq", "--prior", "normal", "-o", tmp_path / "g.png")
    assert result.code == 2 and "entries of a code book" in result.err
    given = ("--kind", "autoregressive", "--set", "steps=20", "--limit", 200)
    assert narrows("prior", tmp_path / "vq", "digits", *given).code == 0
    made = narrows("generate", tmp_path / "vq", "-n", 4, "-o", tmp_path / "g.png")
    assert made.code == 0 and "autoregressive" in made.out
    result = narrows("generate", tmp_path / "vq", "--traverse", "-o", tmp_path / "t.png")
    assert result.code == 2 and "no mean to move from" in result.err


@pytest.mark.parametrize("verb", ["prior", "generate", "morph", "steer"])
def test_every_help_has_an_example(narrows, verb: str) -> None:
    result = narrows(verb, "--help")
    assert result.code == 0 and "Example: narrows " in " ".join(result.out.split())
