"""Curves of metrics records."""

from __future__ import annotations

import numpy as np
import pytest

from narrows.figures import loss_curves, png


def records(n: int, first: float = 0.0, **more) -> list[dict]:
    return [
        {"phase": 0, "epoch": i, "step": i, "loss": 100 + 50 / i + (first if i == 1 else 0), **more}
        for i in range(1, n + 1)
    ]


def shape(figure) -> tuple[int, ...]:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).shape


@pytest.mark.parametrize("n", [1, 2, 30, 1000])
def test_any_number_of_epochs_can_be_drawn(n):
    figure = loss_curves(records(n))
    assert shape(figure) == (400, 720, 4)
    assert len(figure.axes) == 1


def test_a_kl_has_its_own_panel_and_validation_its_own_line():
    figure = loss_curves(records(20, kl=3.0, validation_kl=4.0, validation_loss=150.0))
    assert shape(figure) == (400, 1080, 4)
    loss, kl = figure.axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    assert kl.get_title(loc="left") == "KL, nats per picture"


def test_the_best_epoch_is_marked():
    runs = [
        {**r, "validation_loss": v, "best": b}
        for r, v, b in zip(records(4), (9, 7, 6, 8), (True, True, True, False), strict=True)
    ]
    ring = loss_curves(runs).axes[0].lines[-1]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (3, 6)
    assert ring.get_label() == "best: 6 at epoch 3"


def test_early_losses_that_dwarf_the_rest_run_out_of_the_top():
    axes = loss_curves(records(100, first=1e5)).axes[0]
    assert axes.get_ylim()[1] < 200
    assert "begins at 100,150" in axes.get_title(loc="left")
    gentle = [{"epoch": i, "loss": 200.0 - i} for i in range(1, 101)]
    assert loss_curves(gentle).axes[0].get_ylim()[1] > 199


def test_phases_follow_each_other():
    both = records(5) + [{**r, "phase": 1} for r in records(3)]
    x = loss_curves(both).axes[0].lines[0].get_xdata()
    assert np.isnan(x[5])  # a gap where a phase begins
    assert np.delete(x, 5).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_same_records_give_the_same_bytes():
    assert png(loss_curves(records(9))) == png(loss_curves(records(9)))


def test_no_record_is_refused():
    with pytest.raises(ValueError, match="at least one record of metrics.jsonl; we got none"):
        loss_curves([])
