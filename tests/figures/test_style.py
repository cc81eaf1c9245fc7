from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.figures.style import new_figure, plain, text, text_width


def drawn(name: str) -> np.ndarray:
    """The pixels of a figure with this name on it; any warning of Matplotlib's is an error."""
    figure = new_figure(400, 60)
    text(figure, 10, 30, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


@pytest.mark.parametrize("name", ["cost_$5_{big$.png", "a$^$.png", "$_{a$", "$", "$$", r"a\$b$c$"])
def test_dollars_are_letters_and_begin_no_formula(name):
    assert (drawn(name) < 128).any() and text_width(name) > 0
    assert not np.array_equal(drawn(name), drawn(name.replace("$", "")))


@pytest.mark.parametrize("name", ["猫.png", "한국", "e\x1b[31m", "🦊"])
def test_what_the_font_lacks_is_written_out_without_a_warning(name):
    assert (drawn(name) < 128).any() and "\\" in plain(name)


def test_what_the_font_has_stays():
    for name in ("Zoë.png", "кот", "a b-c_1"):
        assert plain(name) == name


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=12))
def test_any_name_can_be_drawn(name):
    drawn(name)
    text_width(name)
