"""``tune``: successive halving at equal seconds, with PCA among the arms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications import tune as module
from narrows.applications.tune import BEST, Tuning, _arms, _rounds
from narrows.errors import BadFile, Diverged, Interrupted, RunExists
from narrows.training import Recipe, history_of

SHAPE = (1, 8, 8)
SECONDS = {"minutes": 0.02, "report": "quiet", "progress": False}


def pictures(count: int = 300) -> np.ndarray:
    """uint8 (N, 1, 8, 8): a plane of four numbers, which PCA holds whole."""
    draws = np.random.default_rng(0)
    flat = 127 + 15 * draws.uniform(-1, 1, (count, 4)) @ draws.normal(size=(4, 64))
    return flat.clip(0, 255).astype(np.uint8).reshape(-1, *SHAPE)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    return nw.tune(
        pictures(), "mlp-autoencoder", options={"learning_rate": [1e-3, 1e-2], "batch_size": [16, 64]},
        code_size=4, to=tmp_path_factory.mktemp("tune") / "search", **SECONDS,
    )  # fmt: skip


@pytest.mark.parametrize("count", [2, 5, 9, 27])
def test_a_round_takes_an_equal_share_of_the_seconds(count: int) -> None:
    rounds = _rounds(count, 90.0)
    before, shares = 0.0, []
    for left, end in rounds:
        shares.append(left * (end - before))
        before = end
    assert shares == pytest.approx([90.0 / len(rounds)] * len(rounds))
    assert rounds[0][0] == count and rounds[-1][0] == 1


def test_the_recipe_as_it_is_comes_first_and_is_not_tried_twice() -> None:
    usual = _arms("conv-autoencoder", SHAPE, None, {}, 9, 0)
    assert len(usual) == 9 and usual[0].changes == {}
    prints = {arm.recipe.fingerprint for arm in usual}
    assert len(prints) == 9
    few = _arms("conv-autoencoder", SHAPE, None, {}, 4, 0)
    assert len(few) == 4 and {arm.recipe.fingerprint for arm in few} < prints
    both = _arms(
        ["conv-autoencoder", "mlp-autoencoder"], SHAPE, {"learning_rate": "[0.01]"}, {}, 9, 0
    )
    assert [arm.said for arm in both] == [
        "conv-autoencoder", "conv-autoencoder, learning_rate 0.01",
        "mlp-autoencoder", "mlp-autoencoder, learning_rate 0.01",
    ]  # fmt: skip
    fixed = _arms("mlp-autoencoder", SHAPE, None, {"code_size": 3}, 9, 0)
    assert {arm.recipe.build().code_shape for arm in fixed} == {(3,)}


def test_the_best_stay_and_the_first_stayed_longest(found: Tuning) -> None:
    lengths = [len(arm.psnr) for arm in found.arms]
    assert lengths == [3, 2, 1, 1, 1]
    first = {arm.name: arm.psnr[0] for arm in found.arms}
    stayed = sorted(first, key=lambda name: first[name], reverse=True)[:2]
    assert {arm.name for arm in found.arms[:2]} == set(stayed)
    assert found.best.psnr[1] >= found.arms[1].psnr[1]
    assert [arm.seconds[0] for arm in found.arms] == [found.best.seconds[0]] * 5


def test_arms_are_ordinary_runs_of_equal_seconds(found: Tuning) -> None:
    for arm in found.arms:
        folder = found.folder / arm.name
        model = nw.load(folder)
        assert len(model.run.split(pictures()).validated) == found.judged
        assert Recipe.load(folder / "recipe.toml").phases[0].minutes == pytest.approx(
            arm.seconds[-1] / 60
        )
    assert history_of(found.folder / found.best.name)
    parts = nw.images.split(nw.images.as_source(pictures()), validation=0.1, seed=0)
    x = parts.validation.batch(torch.arange(len(parts.validation)))
    again = nw.load(found.folder / found.best.name).reconstruct(x)
    assert float(nw.measures.psnr(x, again).mean()) == pytest.approx(found.best.psnr[-1], abs=1e-3)


def test_pca_of_as_many_numbers_is_an_arm_and_said_to_win(found: Tuning) -> None:
    assert any(name == "PCA, 4 values" for name in found.baselines)
    assert any("mirrored" in name for name in found.baselines)
    assert found.baselines["PCA, 4 values"][0] > found.best.psnr[-1]
    assert found.conclusion.startswith("PCA wins here: ") and found.conclusion in str(found)
    assert found.table().columns["recipe"][0] == "PCA, 4 values"


def test_what_begins_as_pca_does_not_lose_to_it() -> None:
    made = nw.tune(
        pictures(), "pca-autoencoder", options={"learning_rate": [1e-3]}, code_size=4,
        changes={"mirror": False}, **SECONDS,
    )  # fmt: skip
    assert "PCA wins here" not in made.conclusion
    assert made.folder is None and made.model.run.folder is None


def test_what_is_written(found: Tuning) -> None:
    folder = found.folder
    best = Recipe.load(folder / BEST)
    assert best.document() == found.recipe.document() == found.best.recipe.document()
    assert best.phases[0].minutes is None  # of its own length
    written = json.loads((folder / "tune.json").read_text())
    assert written["best"] == found.best.name and len(written["arms"]) == 5
    assert (folder / "tune.png").stat().st_size > 1000


def test_a_search_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fit = module.fit_model

    def stopped(*args: Any, to: Path | None = None, **more: Any) -> Any:
        if to is None:  # warms up
            return fit(*args, **more)
        calls.append(to.name)
        if len(calls) == 2:
            raise Interrupted("stopped")
        return fit(*args, to=to, **more)

    monkeypatch.setattr(module, "fit_model", stopped)
    asked = {"options": {"learning_rate": [1e-3]}, "code_size": 4, "to": tmp_path, **SECONDS}
    with pytest.raises(Interrupted, match="--resume goes on"):
        nw.tune(pictures(), "mlp-autoencoder", **asked)
    with pytest.raises(RunExists, match="--resume"):
        nw.tune(pictures(), "mlp-autoencoder", **asked)
    result = nw.tune(pictures(), "mlp-autoencoder", resume=True, **asked)
    assert calls[1:3] == [calls[1]] * 2 and calls[0] != calls[1]  # the first is not trained again
    assert len(calls) == 4
    again = nw.tune(pictures(), "mlp-autoencoder", resume=True, **asked)
    assert len(calls) == 4
    assert [arm.psnr for arm in again.arms] == [arm.psnr for arm in result.arms]
    with pytest.raises(BadFile, match=r"another search \(arms differ\)"):
        nw.tune(pictures(), "mlp-autoencoder", resume=True, **{**asked, "code_size": 5})
    with pytest.raises(BadFile, match=r"another search \(pictures differ\)"):
        nw.tune(pictures(310), "mlp-autoencoder", resume=True, **asked)
    for text in ("{", "[]", '{"asked": {}, "psnr": {"0 a": "b"}}'):
        (tmp_path / "rounds.json").write_text(text)
        with pytest.raises(BadFile, match="no log of a search"):
            nw.tune(pictures(), "mlp-autoencoder", resume=True, **asked)


def test_rounds_that_are_shorter_than_a_step_end_too() -> None:
    asked = {**SECONDS, "minutes": 1e-5}
    made = nw.tune(pictures(), "mlp-autoencoder", options={"learning_rate": [1e-3]}, **asked)
    assert [len(arm.psnr) for arm in made.arms] == [2, 1]
    assert made.best.psnr[0] == made.best.psnr[1]


def test_an_arm_that_diverges_is_out() -> None:
    asked = {"code_size": 4, **SECONDS}
    made = nw.tune(pictures(), "mlp-autoencoder", options={"learning_rate": [1e30]}, **asked)
    assert made.best.changes == {} and np.isnan(made.arms[-1].psnr[-1])
    assert made.document()["arms"][-1]["psnr"] == [None]
    with pytest.raises(Diverged, match="every arm"):
        nw.tune(
            pictures(), "mlp-autoencoder", options={"batch_size": [64]},
            changes={"learning_rate": 1e30}, **asked,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"options": {"learning_rate": 0.1}}, "a list of values to try"),
        ({"options": {"learning_rate": []}}, "a list of values to try"),
        ({"options": {"no_such": [1, 2]}}, "no number 'no_such'"),
        ({"options": {"learning_rate": [0.002]}}, "two arms or more"),
        ({"validation": 0.0}, "compared on validation pictures"),
        ({"minutes": 0.0}, "minutes is a number above 0"),
        ({"options": {"augmentation": ["binarise"]}}, "change them in different ways"),
        ({"options": {"scheme": ["encoder"]}}, "trains codes alone"),
    ],
)
def test_what_is_refused(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        nw.tune(pictures(40), "mlp-autoencoder", **{**SECONDS, **asked})


def test_a_code_that_grows_is_said_to_win_by_itself() -> None:
    made = nw.tune(pictures(), "mlp-autoencoder", options={"code_size": [2, 4]}, **SECONDS)
    assert any("differ in size" in note for note in made.notes)
    assert {"PCA, 2 values", "PCA, 4 values", "PCA, 32 values"} <= set(made.baselines)
