"""A run ends cleanly when another thread asks for it, and goes on to the same bytes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

import narrows as nw
from narrows.errors import Interrupted
from narrows.training import history_of
from narrows.training.reporting import Quiet

X = torch.randint(256, (60, 1, 9, 7), generator=torch.Generator().manual_seed(0)).byte()


class Reached(Quiet):
    """Says that a step was reached, and waits for the answer."""

    def __init__(self, at: int) -> None:
        self.at, self.reached, self.answered = at, threading.Event(), threading.Event()

    def step(self, done: int, loss: float) -> None:
        if done >= self.at and not self.reached.is_set():
            self.reached.set()
            assert self.answered.wait(60)


def fit(to: Path, **options: object) -> nw.Autoencoder:
    recipe = nw.recipes.mlp_vae((1, 9, 7), 3, widths=(16,)).with_(batch_size=16, ema_decay=0.9)
    given = {"report": "quiet", "device": "cpu", "epochs": 6, "validation": X[:20], **options}
    return nw.fit(recipe, X, to=to, **given)


@pytest.mark.parametrize("where", ["main", "other"])
def test_stopped_by_an_event_and_resumed_is_the_same(tmp_path: Path, where: str) -> None:
    """The run in the main thread and the answer in another, and the other way about."""
    whole = fit(tmp_path / "whole")
    report, stop, raised = Reached(5), threading.Event(), []

    def train() -> None:
        with pytest.raises(
            Interrupted, match=r"stopped in epoch .*--resume goes on from here, as fit"
        ) as e:
            fit(tmp_path / "cut", report=report, stop=stop)
        raised.append(e.value)

    def answer() -> None:
        assert report.reached.wait(60)
        stop.set()
        report.answered.set()

    first, second = (train, answer) if where == "main" else (answer, train)
    other = threading.Thread(target=second)
    other.start()
    first()
    other.join(60)
    assert len(raised) == 1 and not other.is_alive()
    assert (tmp_path / "cut" / "checkpoint.safetensors").exists()

    stop.clear()
    again = fit(tmp_path / "cut", resume=True, stop=stop)
    ours, theirs = whole.state_dict(), again.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    for name in ("model", "last"):
        one, two = (tmp_path / run / f"{name}.safetensors" for run in ("whole", "cut"))
        assert one.exists() == two.exists()
        assert not one.exists() or one.read_bytes() == two.read_bytes()
    losses = [[r["loss"] for r in history_of(tmp_path / run)] for run in ("whole", "cut")]
    assert losses[0] == losses[1] and len(losses[0]) == 6


def test_an_event_that_is_set_already_leaves_a_run_to_resume(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        fit(tmp_path / "run", stop=stop)
    assert fit(tmp_path / "run", resume=True).code_shape == (3,)
