"""Who is told of a training: one reporter or several, a bar in notebooks, TensorBoard."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import narrows as nw
from narrows.errors import Unavailable
from narrows.training import TensorBoard
from narrows.training.reporting import Lines, NotebookBar, Quiet, Several, reporter

X = torch.randint(256, (40, 1, 6, 6), generator=torch.Generator().manual_seed(0)).byte()


def fit(report: Any, **options: Any) -> nw.Autoencoder:
    recipe = nw.recipes.mlp_vae((1, 6, 6), 2, widths=(8,)).with_(batch_size=10, epochs=3)
    return nw.fit(recipe, X, validation=X[:9], report=report, device="cpu", **options)


def length(steps: int, per_epoch: int, batch_size: int, seconds: float | None = None) -> Any:
    return SimpleNamespace(
        steps=steps, epochs=steps / per_epoch, batch_size=batch_size, seconds=seconds
    )


class Heard(Quiet):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def say(self, text: str) -> None:
        self.calls.append("say")

    def begin(self, *told: Any) -> None:
        self.calls.append("begin")

    def step(self, *told: Any) -> None:
        self.calls.append("step")

    def epoch(self, record: dict[str, Any]) -> None:
        self.calls.append("epoch")

    def end(self) -> None:
        self.calls.append("end")


@pytest.fixture
def notebook(monkeypatch) -> None:
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_several_reporters_are_told_the_same() -> None:
    one, other = Heard(), Heard()
    fit([one, "quiet", other])
    assert one.calls == other.calls
    assert one.calls[:2] == ["say", "begin"] and one.calls[-1] == "end"
    assert one.calls.count("epoch") == 3


def test_a_reporter_by_its_kind(notebook: None) -> None:
    assert isinstance(reporter("auto"), NotebookBar) and isinstance(reporter("bar"), NotebookBar)
    assert isinstance(reporter("lines"), Lines) and isinstance(reporter(["quiet"]), Several)
    with pytest.raises(ValueError, match="report must be auto, bar, lines, quiet; we got 'loud'"):
        reporter(["loud"])


def test_a_terminal_is_no_notebook(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=SimpleNamespace))
    assert isinstance(reporter("auto"), Lines)


def test_a_notebook_shows_a_bar_that_ends_full(notebook: None, capsys) -> None:
    fit("auto")
    out, err = capsys.readouterr()
    assert err == ""
    said, *drawn = out.split("\n")
    assert "training mlp-vae" in said and drawn[-1] == ""
    last = drawn[-2].split("\r")[-1]
    assert "█" * 20 in last and "100%" in last and "epoch 3/3" in last
    assert "loss " in last and "validation " in last and "pictures/s" in last


def test_what_a_notebook_says_does_not_leave_half_a_bar(capsys) -> None:
    bar = NotebookBar(every=0.0)
    bar.begin(length(10, per_epoch=5, batch_size=5), 0)
    bar.step(5, 1.25)
    bar.say("resuming")
    out = capsys.readouterr().out
    drawn = out[: out.index("\r")]
    assert "██████████··········  50%" in drawn and "loss 1.25" in drawn
    assert out.endswith(f"\r{' ' * len(drawn)}\rresuming\n")


def test_tensorboard_gets_every_number_at_its_step(monkeypatch, tmp_path) -> None:
    written: list[tuple[str, float, int]] = []
    closed: list[str] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def close(self) -> None:
            closed.append(self.folder)

    there = SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", there)
    fit(["quiet", TensorBoard(tmp_path)], to=tmp_path / "run")
    records = nw.training.history_of(tmp_path / "run")
    assert written == [(n, v, r["step"]) for r in records for n, v in r.items()]
    assert len(records) == 3 and closed == [str(tmp_path)]


def test_tensorboard_that_is_not_there(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(Unavailable, match=r"pip install 'narrows\[tensorboard\]'"):
        TensorBoard(tmp_path)


def test_parts_of_an_epoch_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.begin(length(800, per_epoch=11, batch_size=64), 0)
    record = {"epoch": 1.38182, "loss": 1.0, "images_per_second": 9.0}
    lines.epoch(record)
    assert "epoch 1.4/72.7  loss" in capsys.readouterr().err


def test_the_end_by_the_clock_is_told_anew(capsys: pytest.CaptureFixture[str]) -> None:
    """What is left of a phase in minutes is what its steps take, not what was guessed before the first."""
    told = length(100, per_epoch=10, batch_size=4, seconds=60.0)
    bar, lines = NotebookBar(every=0.0), Lines(every=0.0)
    bar.begin(told, 0)
    lines.begin(told, 0)
    lines.epoch({"epoch": 0.0, "loss": 1.0, "images_per_second": 9.0})
    assert "epoch 0  loss" in capsys.readouterr().err
    told.steps, told.epochs = 20, 2.0  # they are slower than it seemed
    bar.step(10, 1.0)
    lines.epoch({"epoch": 1.0, "loss": 1.0, "images_per_second": 9.0})
    captured = capsys.readouterr()
    assert " 50%" in captured.out and "epoch 1/2  loss" in captured.err
    lines.epoch({"epoch": 2.25, "loss": 1.0, "images_per_second": 9.0})
    assert "epoch 2.2/2.2  loss" in capsys.readouterr().err
