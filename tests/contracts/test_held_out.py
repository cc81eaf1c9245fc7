"""What a verb calls held out, validation, or fits to: by content, whatever the pictures are called.

Every verb that judges is one line of ``VERBS``; its result tells ``judged`` (a ``Portion``: pictures and
what is known of them, or pictures, with ``judged_on``) and ``fitted`` (pictures that something was fitted
to; None where nothing was).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

import narrows as nw
from narrows.applications.classify import classify
from narrows.applications.evaluate import evaluate
from narrows.applications.outliers import outliers
from narrows.applications.prior import prior
from narrows.applications.steer import steer
from narrows.applications.train import train
from narrows.cli import main
from narrows.images.contents import content_keys
from narrows.training import Portion

SHAPE = (1, 12, 8)
QUIET = {"progress": False}

# name → a call of (model, pictures) whose result has ``judged`` and ``fitted``
VERBS: dict[str, Callable[[Any, Any], Any]] = {
    "evaluate": lambda m, p: evaluate(m, p, **QUIET),
    "outliers": lambda m, p: outliers(m, p, normal=p, quantile=0.9, neighbours=3, **QUIET),
    "outliers, nothing fitted": lambda m, p: outliers(
        m, p, normal=p, score="reconstruction", quantile=0.9, **QUIET
    ),
    "classify": lambda m, p: classify(m, p, by="knn", **QUIET),
    "prior": lambda m, p: prior(m, p, "gaussian", **QUIET),
    "steer": lambda m, p: steer(m, p, by="brightness", fit_on=p, limit=2, **QUIET),
}


class Trained(NamedTuple):
    """A model, what it was made of, and what the pictures are best called."""

    folder: Path
    name: str
    train: np.ndarray
    validation: np.ndarray


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 120 pictures in two classes, 20 wide and 14 high, ten of them twice."""
    folder, rng = tmp_path_factory.mktemp("held-out") / "pictures", np.random.default_rng(0)
    for number in range(120):
        path = folder / "ab"[number % 2] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        bright = 60 + 120 * (number % 2) + rng.integers(-40, 40, (14, 20))
        Image.fromarray(bright.clip(0, 255).astype(np.uint8)).save(path)
    for number in range(10):
        copy = folder / "ab"[number % 2] / f"copy-{number}.png"
        copy.write_bytes((folder / "ab"[number % 2] / f"{number:03}.png").read_bytes())
    return folder


def images_of(folder: Path) -> Any:
    return nw.images.folder(folder, (12, 8), "gray", "pad")


@pytest.fixture(scope="module", params=["held-out", "validation", "training"])
def trained(request, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Models that have seen some, some and validated by the others, or all of the pictures."""
    images = images_of(pictures)
    to = tmp_path_factory.mktemp("held-out") / request.param
    validation: Any = None
    if request.param == "held-out":
        images = images.select(np.flatnonzero([not i.startswith("b/1") for i in images.ids]))
        validation = 0.1
    if request.param == "validation":
        validation = 0.3
    fit(images, to, validation)
    keys = nw.load(to).run.seen
    return Trained(to, request.param, keys["train"], keys["validation"])


def fit(images: Any, to: Path, validation: Any) -> Any:
    recipe = nw.recipes.mlp_vae(SHAPE, code_size=3).with_(epochs=1)
    return nw.fit(recipe, images, validation=validation, to=to, report="quiet")


def keys_of(source: Any) -> np.ndarray:
    return np.zeros(0, np.uint64) if source is None else np.unique(content_keys(source))


def judged_of(result: Any) -> tuple[np.ndarray, str]:
    """The keys of the pictures that a result is judged on, and what it calls them."""
    judged = result.judged
    if isinstance(judged, Portion):
        return keys_of(judged.images), judged.name
    return keys_of(judged), result.judged_on


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_called_held_out_was_not_seen(verb: str, trained: Trained, pictures: Path) -> None:
    result = VERBS[verb](trained.folder, pictures)
    judged, name = judged_of(result)
    fitted = keys_of(result.fitted)
    assert len(judged) and name == trained.name
    assert name == "training" or not np.isin(judged, trained.train).any()
    assert name != "held-out" or not np.isin(judged, trained.validation).any()
    assert name != "validation" or np.isin(judged, trained.validation).all()
    if verb != "evaluate" or name != "training":  # both are what the model was trained on
        assert not np.isin(judged, fitted).any()
    if len(fitted) and len(trained.train):
        assert np.isin(fitted, trained.train).all()


@pytest.mark.parametrize("verb", VERBS)
def test_where_a_run_does_not_know_all_counts_as_seen(
    verb: str, trained: Trained, pictures: Path
) -> None:
    model = nw.load(trained.folder)
    model.run = None
    result = VERBS[verb](model, pictures)
    assert judged_of(result)[1] == "seen"
    assert any("does not say which pictures" in note for note in result.notes)


@pytest.mark.parametrize("verb", VERBS)
def test_names_and_places_do_not_matter(
    verb: str, trained: Trained, pictures: Path, tmp_path: Path, monkeypatch
) -> None:
    """The same pictures as an array, or by another path, are judged on the same contents."""
    monkeypatch.chdir(pictures.parent)
    found = [VERBS[verb](trained.folder, what) for what in (pictures, "pictures")]
    if verb != "classify":
        found.append(VERBS[verb](trained.folder, images_of(pictures).pixels.numpy()))
    first = found[0]
    for other in found[1:]:
        (keys, name), (its_keys, its_name) = judged_of(first), judged_of(other)
        assert (its_keys.tolist(), its_name) == (keys.tolist(), name)
        assert keys_of(other.fitted).tolist() == keys_of(first.fitted).tolist()


# ---- what went wrong before ----------------------------------------------------------------------


def said(capsys, *arguments: object) -> dict[str, Any]:
    """What a command prints with --json."""
    before = sys.argv
    sys.argv = ["narrows", *map(str, arguments), "--json"]
    capsys.readouterr()
    try:
        main()
    except SystemExit as left:
        assert not left.code, capsys.readouterr().err
    finally:
        sys.argv = before
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_a_fit_of_the_training_is_kept(capsys, pictures: Path, tmp_path: Path) -> None:
    """``--fit pad`` is typed once: evaluate opens the pictures as the training did."""
    made = said(
        capsys, "train", pictures, "--recipe", "linear-autoencoder", "--code-size", 3, "--size",
        "12x8", "--gray", "--fit", "pad", "--epochs", 2, "--to", tmp_path / "wide",
    )  # fmt: skip
    model = nw.load(tmp_path / "wide")
    assert model.preprocessing.fit == "pad"
    found = said(capsys, "evaluate", tmp_path / "wide", pictures)
    assert found["evaluated"] == "validation" == made["evaluated"]
    assert found["pictures"] == len(model.run.seen["validation"])
    assert found["rows"][0]["psnr"] == pytest.approx(made["psnr"], abs=1e-3)


def test_a_model_trained_on_all_pictures_has_none_held_out(
    capsys, pictures: Path, tmp_path: Path
) -> None:
    fit(images_of(pictures), tmp_path / "all", None)
    found = said(capsys, "evaluate", tmp_path / "all", pictures)
    assert found["evaluated"] == "training" and found["pictures"] == 130


def test_outliers_from_another_folder_are_the_same(
    capsys, pictures: Path, tmp_path: Path, monkeypatch
) -> None:
    """A threshold is of the normal pictures that were held out, however they are named."""
    monkeypatch.chdir(pictures.parent)
    train(
        "pictures", "mlp-vae", to=tmp_path / "run", size=(12, 8), mode="gray", validation=0.2,
        seed=3, code_size=3, epochs=1, report="quiet",
    )  # fmt: skip
    options = ("--score", "reconstruction", "--quantile", 0.9)
    first = said(capsys, "outliers", tmp_path / "run", "pictures", "--normal", "pictures", *options)
    monkeypatch.chdir(tmp_path)
    other = said(capsys, "outliers", "run", pictures, "--normal", pictures, *options)
    assert first["judged_on"] == "validation" and 0 < first["normal"] < 50
    for key in ("judged_on", "normal", "threshold", "normal_scores", "is_outlier"):
        assert other[key] == first[key], key


def test_another_share_of_validation_is_known(capsys, pictures: Path, tmp_path: Path) -> None:
    """``fit(validation=0.05)``: evaluate takes those, not the tenth that it would have taken."""
    model = fit(images_of(pictures), tmp_path / "few", 0.05)
    kept = model.run.seen["validation"]
    found = said(capsys, "evaluate", tmp_path / "few", pictures)
    assert found["evaluated"] == "validation" and found["pictures"] == len(kept) < 10
