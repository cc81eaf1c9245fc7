"""More epochs for a run that has ended, and a run that begins with another model's weights."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.errors import BadFile, Interrupted
from narrows.training import history_of
from narrows.training.reporting import Quiet

TIMES = ("seconds", "images_per_second")
X = torch.randint(256, (60, 1, 9, 7), generator=torch.Generator().manual_seed(0)).byte()


class Said(Quiet):
    def __init__(self) -> None:
        self.said = ""

    def say(self, text: str) -> None:
        self.said += text + "\n"


def recipe(**changes: Any) -> nw.Recipe:
    """All that has a state: batch norm, Adam, a running average, a controller of the KL."""
    made = nw.recipes.mlp_vae((1, 9, 7), 3, widths=(8,))
    made = made.with_(ladder=made.ladder.with_(norm="batch"))
    plain = {"batch_size": 16, "ema_decay": 0.9, "learning_rate_schedule": "constant"}
    return made.with_(**{**plain, **changes})


def fit(made: nw.Recipe, to: Path, **options: Any) -> nw.Autoencoder:
    given = {"validation": X[:20], "device": "cpu", "report": "quiet", **options}
    return nw.fit(made, X[20:], to=to, **given)


def left(folder: Path) -> dict[str, bytes]:
    """Every file of a run that does not say how long it took."""
    timed = ("checkpoint.safetensors", "metrics.jsonl")
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in timed}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in r.items() if k not in TIMES} for r in history_of(folder)]


@pytest.mark.parametrize("learning_rate", [1e-3, 0.3])  # the last is the best; an early one is
@pytest.mark.parametrize("unit", ["epochs", "steps"])
def test_more_for_a_finished_run_is_as_if_asked_from_the_start(
    unit: str, learning_rate: float, tmp_path: Path
) -> None:
    short, long = (2, 6) if unit == "epochs" else (20, 40)
    made, said = recipe(learning_rate=learning_rate), Said()
    # in steps, a longer run is judged at other steps: its last weights are the same
    how = {} if unit == "epochs" else {"validation": None}
    fit(made.with_(**{unit: long}), tmp_path / "whole", **how)
    fit(made.with_(**{unit: short}), tmp_path / "again", **how)
    fit(made.with_(**{unit: long}), tmp_path / "again", resume=True, report=said, **how)
    assert left(tmp_path / "whole") == left(tmp_path / "again")
    assert f"going on to {long} {unit}, after {short} {unit}\n" in said.said
    if unit == "epochs":
        assert lines(tmp_path / "whole") == lines(tmp_path / "again")


def test_more_after_more_and_after_a_stop(tmp_path: Path) -> None:
    fit(recipe(), tmp_path / "whole", epochs=5)
    stop = threading.Event()

    class Stops(Quiet):
        def epoch(self, record: dict[str, Any]) -> None:
            if record["epoch"] == 2:
                stop.set()

    fit(recipe(), tmp_path / "again", epochs=1)
    with pytest.raises(Interrupted):
        fit(recipe(), tmp_path / "again", epochs=3, resume=True, stop=stop, report=Stops())
    said = Said()
    fit(recipe(), tmp_path / "again", epochs=4, resume=True, report=said)
    assert "4 epochs instead of 3 epochs" in said.said
    fit(recipe(), tmp_path / "again", epochs=5, resume=True)
    assert left(tmp_path / "whole") == left(tmp_path / "again")


def test_a_schedule_over_the_length_says_that_the_end_is_another(tmp_path: Path) -> None:
    made, said = recipe(learning_rate_schedule="one-cycle"), Said()
    fit(made, tmp_path, epochs=2)
    fit(made, tmp_path, epochs=4, resume=True, report=said)
    assert "the learning rate follows one-cycle over the new length" in said.said
    assert [r["epoch"] for r in history_of(tmp_path)] == [1, 2, 3, 4]


def test_more_minutes(tmp_path: Path) -> None:
    fit(recipe(), tmp_path, minutes=0.002)
    steps = history_of(tmp_path)[-1]["step"]
    fit(recipe(), tmp_path, minutes=0.006, resume=True)
    assert history_of(tmp_path)[-1]["step"] > steps


@pytest.mark.parametrize(
    "length", [{"epochs": 1}, {"epochs": 1.5}, {"minutes": 1e-6}], ids=["1", "1.5", "minutes"]
)
def test_no_more_is_refused(length: dict[str, float], tmp_path: Path) -> None:
    fit(recipe(), tmp_path, epochs=2)
    before = left(tmp_path)
    with pytest.raises(BadFile, match="was trained for 2 epochs already; we got .*ask for more"):
        fit(recipe(), tmp_path, resume=True, **length)
    assert left(tmp_path) == before


def test_what_stopped_early_stays_so_unless_it_may_not(tmp_path: Path) -> None:
    made = recipe(learning_rate=0.3, patience=2)
    fit(made, tmp_path, epochs=30)
    ended = len(history_of(tmp_path))
    assert ended < 30
    before = left(tmp_path)
    fit(made, tmp_path, epochs=40, resume=True)
    assert left(tmp_path) == before
    fit(made.with_(patience=None), tmp_path, epochs=30, resume=True)
    assert len(history_of(tmp_path)) == 30


def test_the_last_phase_goes_on(tmp_path: Path) -> None:
    made = recipe()
    made = made.with_(phases=(made.phases[0], made.phases[0]))
    fit(made, tmp_path, epochs=1)
    fit(made, tmp_path, epochs=2, resume=True)
    assert [(r["phase"], r["epoch"]) for r in history_of(tmp_path)] == [(0, 1), (1, 1), (1, 2)]
    assert [p.epochs for p in nw.Recipe.load(tmp_path / "recipe.toml").phases] == [1, 2]


def test_other_pictures_of_the_same_number_are_refused(tmp_path: Path) -> None:
    fit(recipe(), tmp_path, epochs=2, validation=None)
    for epochs in (2, 4):
        with pytest.raises(BadFile, match="was started with other train pictures"):
            nw.fit(recipe(), 255 - X[20:], to=tmp_path, epochs=epochs, resume=True, device="cpu")


# -- beginning with weights ------------------------------------------------------------------------


def test_a_run_begins_with_a_models_weights(tmp_path: Path) -> None:
    fit(recipe(), tmp_path / "first", epochs=2)
    first = nw.load(tmp_path / "first")
    given = {"from_": tmp_path / "first", "report": "quiet", "device": "cpu"}
    with pytest.raises(ValueError, match="mlp-vae cannot begin with the weights of that mlp-vae"):
        nw.train(X, changes={"ladder.norm": "none"}, **given)
    result = nw.train(
        X[:30], epochs=1, changes={"learning_rate": 1e-30}, to=tmp_path / "b", **given
    )
    wanted, got = first.state_dict(), nw.load(tmp_path / "b").state_dict()
    moved = [n for n in wanted if not torch.equal(wanted[n], got[n]) and "running" not in n]
    assert [n for n in moved if "num_batches" not in n] == []
    run = result.model.run
    assert (
        [r["epoch"] for r in history_of(tmp_path / "b")] == [1] == [r["epoch"] for r in run.history]
    )
    assert run.facts["begun_from"] == f"{tmp_path / 'first'}, mlp-vae {first.fingerprint()}"
    again = nw.load(tmp_path / "b").run
    assert again.seen is not None and first.run.seen is not None
    for name in ("train", "validation"):  # what the first has seen counts as seen
        assert np.isin(first.run.seen[name], again.seen[name]).all()
    assert len(again.split(nw.images.Images(X)).new) == 0


def test_what_begins_with_weights_resumes(tmp_path: Path) -> None:
    fit(recipe(), tmp_path / "first", epochs=1)
    given = {"from_": tmp_path / "first", "report": "quiet", "device": "cpu", "epochs": 3}
    nw.train(X, to=tmp_path / "whole", **given)
    nw.train(X, to=tmp_path / "again", **{**given, "epochs": 1})
    nw.train(X, to=tmp_path / "again", resume=True, **given)
    names = ("model.safetensors", "recipe.toml", "seen.safetensors")
    one, two = ([(tmp_path / run / n).read_bytes() for n in names] for run in ("whole", "again"))
    assert one == two


def test_what_cannot_begin_is_refused_in_a_sentence(tmp_path: Path) -> None:
    fit(recipe(), tmp_path / "first", epochs=1)
    given = {"from_": tmp_path / "first", "report": "quiet"}
    with pytest.raises(ValueError, match="reads pictures as it was trained to, .*leave out size"):
        nw.train(X, size=16, **given)
    with pytest.raises(
        ValueError, match="conv-vae cannot begin with the weights of that mlp-vae: "
    ):
        nw.train(X, "conv-vae", **given)
    with pytest.raises(BadFile, match="holds no model"):
        nw.train(X, from_=tmp_path / "none", report="quiet")


# -- ending early ----------------------------------------------------------------------------------


def test_train_ends_early_and_says_which_epoch_is_kept(tmp_path: Path) -> None:
    made, said = nw.recipes.mlp_vae((1, 9, 7), 3, widths=(8,)).with_(learning_rate=0.3), Said()
    given = {"epochs": 60, "validation": 0.3, "device": "cpu"}
    result = nw.train(X, made, report=said, to=tmp_path, **given)
    history = result.model.run.history
    best = max(int(r["epoch"]) for r in history if r["best"])
    assert best < 45 and len(history) == best + 15
    assert "stopped early: 15 validations without a better one" in said.said
    assert (
        f"validation was best at epoch {best} of {best + 15}; the model kept is that one"
        in said.said
    )
    whole = nw.train(X, made, report="quiet", patience=0, **given)
    assert len(whole.model.run.history) == 60


def test_recipes_of_papers_train_to_their_end() -> None:
    from narrows.training.length import patient

    paper = nw.recipes.higgins_2017_beta_vae((1, 9, 7))
    assert paper.source and patient(paper) == paper
    assert patient(paper, 5).phases[0].patience == 5
    assert patient(nw.recipes.pca_vae((1, 9, 7))).phases[0].patience == 8
    assert patient(nw.recipes.pca_vae((1, 9, 7)), 0).phases[0].patience is None
    assert patient(nw.recipes.mlp_vae((1, 9, 7)).with_(epochs=100)).phases[0].patience == 25
    with pytest.raises(ValueError, match="patience is 0 .never stop early. or more; we got -1"):
        patient(nw.recipes.pca_vae((1, 9, 7)), -1)


def test_a_loss_that_grows_without_end_is_no_success(tmp_path: Path) -> None:
    made = recipe(optimizer="sgd", learning_rate=1e3, grad_clip_norm=1e3, epochs=3)
    with pytest.raises(
        nw.NarrowsError, match="training ended worse than it began.*lower the learning rate"
    ):
        fit(made, tmp_path)
