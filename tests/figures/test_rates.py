"""Rate curves: one line each, ours first."""

from __future__ import annotations

import pytest

from narrows.figures import png, rate_curves


def test_a_line_for_each_codec() -> None:
    figure = rate_curves({"narrows": [(200, 30.0), (100, 25.0)], "JPEG": [(500, 29.0)]})
    axes = figure.axes[0]
    assert [line.get_label() for line in axes.lines] == ["narrows", "JPEG"]
    assert list(axes.lines[0].get_xdata()) == [100, 200]
    assert axes.get_xscale() == "log"
    assert png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("curves", [{}, {"narrows": []}])
def test_nothing_to_draw(curves) -> None:
    with pytest.raises(ValueError, match="needs curves with points"):
        rate_curves(curves)
