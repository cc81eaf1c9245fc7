"""The loop: what it leaves, how it stops, and that going on is as if it had never stopped."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import narrows as nw
from narrows.errors import BadFile, Diverged, Interrupted, NarrowsError, NoImages, RunExists
from narrows.parts import Part
from narrows.training import Phase, Recipe, facts_of, history_of, load
from narrows.training.players import Player, disjoint
from narrows.training.reporting import Quiet

SHAPE = (1, 9, 7)
STILL = {"learning_rate": 1e-30, "ladder": nw.recipes.mlp_vae(SHAPE, 3, widths=(16,)).ladder}
"""A rate that moves no weight, and a ladder without running statistics."""


def pictures(n: int = 60, seed: int = 0) -> torch.Tensor:
    """Blobs (N, 1, 9, 7) uint8: a few numbers describe each."""
    draw = torch.Generator().manual_seed(seed)
    factors = torch.rand(n, 3, generator=draw)
    rows, columns = torch.linspace(0, 1, 9)[:, None], torch.linspace(0, 1, 7)[None, :]
    distance = (rows - factors[:, 0, None, None]) ** 2 + (columns - factors[:, 1, None, None]) ** 2
    return (255 * factors[:, 2, None, None] * torch.exp(-8 * distance)).round().byte()[:, None]


def recipe(**changes: Any) -> Recipe:
    made = nw.recipes.mlp_vae(SHAPE, 3, widths=(16,))
    made = made.with_(ladder=made.ladder.with_(norm="batch"))
    return made.with_(**{"epochs": 4, "batch_size": 16, **changes})


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


class StopAt(Quiet):
    """Asks the run to stop, as Ctrl-C does, once it has reached a step."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def step(self, done: int, loss: float) -> None:
        if done >= self.at:
            os.kill(os.getpid(), signal.SIGINT)


def fit(made: Recipe, **options: Any) -> nw.Autoencoder:
    return nw.fit(made, pictures(), **{"report": "quiet", "validation": pictures(20, 1), **options})


@pytest.mark.parametrize("average", [None, 0.9])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "adamax", "muon", "sgd"])
def test_interrupted_and_resumed_is_the_same(
    tmp_path: Path, optimizer: str, average: float | None
) -> None:
    made = recipe(optimizer=optimizer, ema_decay=average, learning_rate=1e-3)
    whole = fit(made, to=tmp_path / "whole")
    with pytest.raises(Interrupted, match="--resume goes on from here"):
        fit(made, to=tmp_path / "cut", report=StopAt(5))
    again = fit(made, to=tmp_path / "cut", resume=True)
    assert same(whole, again)
    assert [r["loss"] for r in history_of(tmp_path / "whole")] == [
        r["loss"] for r in history_of(tmp_path / "cut")
    ]


@pytest.mark.parametrize("at", [4, 8, 12])
def test_patience_goes_on_where_it_was(tmp_path: Path, at: int) -> None:
    """Validations without a better one count across a stop: 4 are enough, however they are cut."""
    made = recipe(epochs=9, patience=4, **STILL)  # the first validation stays the best
    whole = fit(made, to=tmp_path / "whole")
    with pytest.raises(Interrupted):
        fit(made, to=tmp_path / "cut", report=StopAt(at))
    again = fit(made, to=tmp_path / "cut", resume=True)
    assert same(whole, again)
    for name in ("whole", "cut"):
        assert [r["best"] for r in history_of(tmp_path / name)] == [
            True,
            False,
            False,
            False,
            False,
        ]


def test_interrupted_in_the_second_phase(tmp_path: Path) -> None:
    warm = Phase(epochs=2, batch_size=16, bound=Part("elbo", {"weight": Part("warm-up")}))
    noisy = Phase(
        epochs=2.5, batch_size=20, corruption=Part("gaussian-noise", {"sigma": 0.3}), samples=2
    )
    made = recipe().with_(phases=(warm, noisy))
    whole = fit(made, to=tmp_path / "whole")
    with pytest.raises(Interrupted):
        fit(made, to=tmp_path / "cut", report=StopAt(6))
    assert same(whole, fit(made, to=tmp_path / "cut", resume=True))
    assert [(r["phase"], r["epoch"]) for r in history_of(tmp_path / "whole")] == [
        *((0, 1), (0, 2)),
        *((1, 1), (1, 2), (1, pytest.approx(8 / 3, abs=1e-3))),
    ]


def test_a_run_in_memory_is_the_run_on_disk(tmp_path: Path) -> None:
    assert same(fit(recipe()), fit(recipe(), to=tmp_path / "run"))
    assert same(fit(recipe()), load(tmp_path / "run"))
    assert not same(fit(recipe()), fit(recipe(), seed=1))


def test_best_and_last(tmp_path: Path) -> None:
    model = fit(recipe(epochs=12, learning_rate=0.05), to=tmp_path / "run")
    lines = history_of(tmp_path / "run")
    best = min(lines, key=lambda r: r["validation_loss"])
    assert best["best"] is True
    assert same(model, load(tmp_path / "run"))
    assert same(model, load(tmp_path / "run", "last")) == (best is lines[-1])


def test_every_validation_meets_the_same_noise(tmp_path: Path) -> None:
    """Weights that stand still are judged the same in every epoch: none is the best by luck."""
    noise = Part("gaussian-noise", {"sigma": 0.3})
    made = recipe(epochs=3, samples=2, corruption=noise, **STILL)
    fit(made, to=tmp_path / "run")
    found = history_of(tmp_path / "run")
    assert len({record["loss"] for record in found}) == 3  # those of training do differ
    for name in ("validation_loss", "validation_reconstruction", "validation_kl"):
        assert len({record[name] for record in found}) == 1, name


def test_early_stopping_says_so(tmp_path: Path) -> None:
    said = StopAt(10**9)
    fit(recipe(epochs=400, learning_rate=0.2, patience=3), to=tmp_path / "run", report=said)
    lines = history_of(tmp_path / "run")
    assert len(lines) < 400
    assert not any(line["best"] for line in lines[-3:])
    assert any("stopped early: 3 validations without a better one" in text for text in said.said)


def test_divergence_keeps_the_last_good_weights(tmp_path: Path) -> None:
    made = nw.recipes.linear_autoencoder(SHAPE, 3).with_(
        epochs=500, batch_size=60, optimizer="sgd", learning_rate=1e3,
        learning_rate_schedule="linear",
    )  # fmt: skip
    with pytest.raises(Diverged, match="lower the learning rate"):
        nw.fit(made, pictures(), to=tmp_path / "run", report="quiet", checkpoint_seconds=0)
    kept = load(tmp_path / "run")
    assert all(bool(torch.isfinite(t).all()) for t in kept.state_dict().values())


def test_gradient_clipping_holds_a_wild_step() -> None:
    wild = recipe(optimizer="sgd", learning_rate=1e-3, epochs=1)
    before = fit(wild.with_(learning_rate=1e-30))
    free, held = fit(wild), fit(wild.with_(grad_clip_norm=1e-3))

    def moved(model: nw.Autoencoder) -> float:
        pairs = zip(model.parameters(), before.parameters(), strict=True)
        return sum(float((a - b).detach().square().sum()) for a, b in pairs)

    assert moved(held) < 1e-6 < moved(free)


def test_validation_share_is_cut_out() -> None:
    model = nw.fit(recipe(), pictures(), validation=0.3, report="quiet")
    assert not model.training


def test_no_share_leaves_all_to_train_on() -> None:
    pictures = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    recipe = nw.recipes.mlp_vae((1, 8, 8), code_size=2)
    model = nw.fit(recipe, pictures, epochs=1, validation=0, report="quiet")
    assert model.run is not None and model.run.seen is not None
    assert [len(model.run.seen[name]) for name in ("train", "validation")] == [20, 0]


def test_a_model_built_by_hand_trains_saves_and_loads(tmp_path: Path) -> None:
    ladder = nw.networks.dense_ladder(SHAPE, (12,), activation="tanh")
    bottleneck = nw.bottlenecks.Gaussian(ladder.narrowest, 2)
    model = nw.Autoencoder(ladder, bottleneck, nw.objectives.Laplace(0.1))
    trained = nw.fit(model, pictures(), epochs=1, report="quiet")
    assert trained is model
    nw.save(model, tmp_path / "model")
    assert same(load(tmp_path / "model"), model)
    assert facts_of(tmp_path / "model") == {"version": 1, "seed": 0}


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"takes pictures of shape \(1, 9, 7\)"):
        nw.fit(recipe(), torch.zeros(3, 1, 8, 8, dtype=torch.uint8), report="quiet")
    with pytest.raises(NoImages):
        nw.fit(recipe(), torch.zeros(0, 1, 9, 7, dtype=torch.uint8), report="quiet")
    fit(recipe(), to=tmp_path / "run")
    with pytest.raises(RunExists, match="resume=True"):
        fit(recipe(), to=tmp_path / "run")
    with pytest.raises(BadFile, match="started with another recipe"):
        fit(recipe(batch_size=9), to=tmp_path / "run", resume=True)
    with pytest.raises(BadFile, match="started with another recipe"):
        fit(recipe(epochs=3), to=tmp_path / "run", resume=True)
    with pytest.raises(BadFile, match="started with seed 0, not 5"):
        fit(recipe(), to=tmp_path / "run", resume=True, seed=5)
    with pytest.raises(ValueError, match="report must be auto"):
        fit(recipe(), report="loud")


def test_a_run_refused_before_its_first_step_is_not_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not on this machine"):
        fit(recipe(), to=tmp_path / "run", device="cuda:99")
    assert same(fit(recipe(epochs=2), to=tmp_path / "run"), fit(recipe(epochs=2)))


def test_a_saved_model_is_not_trained_over(tmp_path: Path) -> None:
    nw.save(fit(recipe()), tmp_path / "model")
    with pytest.raises(RunExists):
        fit(recipe(), to=tmp_path / "model")
    with pytest.raises(BadFile, match="holds a model without its run"):
        fit(recipe(), to=tmp_path / "model", resume=True)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        fit(recipe(), to=tmp_path / "run", report=StopAt(5))
    path = tmp_path / "run" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadFile, match="damaged"):
        fit(recipe(), to=tmp_path / "run", resume=True)


def test_a_full_disk_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Interrupted):
        fit(recipe(), to=tmp_path / "run", report=StopAt(5))
    good = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(NarrowsError, match="the disk is full"):
            fit(recipe(), to=tmp_path / "run", resume=True, checkpoint_seconds=0)
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == good
    assert same(fit(recipe(), to=tmp_path / "run", resume=True), fit(recipe()))


def test_a_weight_of_the_average_is_what_is_kept(tmp_path: Path) -> None:
    plain, averaged = fit(recipe()), fit(recipe(ema_decay=0.99))
    assert not same(plain, averaged)
    with pytest.raises(ValueError, match="ema_decay must lie between 0 and 1"):
        recipe(ema_decay=1.5)


def test_the_average_follows_by_its_formula() -> None:
    """After step t (from 0) it keeps min(decay, (1 + t) / (10 + t)) of itself."""
    moving = {"optimizer": "sgd", "learning_rate_schedule": "constant"}
    moving |= {"ladder": STILL["ladder"], "learning_rate": 1e-4}

    def weights(steps: int, **changes: Any) -> dict[str, torch.Tensor]:
        model = fit(recipe(**{**moving, "epochs": steps / 4, **changes}), validation=None)
        return {name: value.double() for name, value in model.state_dict().items()}

    start = average = weights(1, **STILL)
    for t in range(6):
        kept = min(0.25, (1 + t) / (10 + t))  # 0.25 from the third step on
        now = weights(t + 1)
        average = {n: kept * average[n] + (1 - kept) * now[n] for n in now}
        found = weights(t + 1, ema_decay=0.25)
        moved = max(float((found[n] - start[n]).abs().max()) for n in now)
        apart = max(float((found[n] - average[n]).abs().max()) for n in now)
        assert moved > 0 and apart < 1e-3 * moved, t


def test_players_own_disjoint_parameters() -> None:
    shared = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([shared], lr=0.1)
    first = Player("model", [shared], optimizer, lambda step: None)  # type: ignore[arg-type,return-value]
    second = Player("discriminator", [shared], optimizer, lambda step: None)  # type: ignore[arg-type,return-value]
    disjoint([first])
    with pytest.raises(ValueError, match="'model' and 'discriminator' share a parameter"):
        disjoint([first, second])


def test_metrics_are_json_lines(tmp_path: Path) -> None:
    fit(recipe(), to=tmp_path / "run")
    lines = [json.loads(t) for t in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 4
    assert {"epoch", "loss", "reconstruction", "kl", "validation_loss", "images_per_second"} <= set(
        lines[0]
    )
    elbo = lines[-1]["reconstruction"] + lines[-1]["kl"]
    assert lines[-1]["loss"] == pytest.approx(elbo, rel=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator on this machine")
def test_on_an_accelerator(tmp_path: Path) -> None:
    whole = fit(recipe(), device="cuda", to=tmp_path / "whole")
    assert whole.device.type == "cuda"
    assert load(tmp_path / "whole")(torch.zeros(1, *SHAPE)).shape == (1, *SHAPE)
