from __future__ import annotations

import json

import numpy as np
import pytest

from narrows.collection import About, pooled
from narrows.errors import BadFile


def test_it_comes_back_as_it_was_written() -> None:
    about = About("f", "runs/a", (8, 4, 4), "mean", "holiday", (3, 32, 32), "pad", 100, 8)
    assert About.read(about.text(), "c") == about
    assert about.size == 8
    assert About("f", "m", (8, 4, 4)).size == 128


def test_pooling_is_that_of_the_map() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 3, 2, 2)).astype(np.float32)
    assert np.array_equal(pooled(maps, "flatten"), maps.reshape(5, 12))
    assert np.allclose(pooled(maps, "mean"), maps.mean((2, 3)))
    assert np.array_equal(pooled(maps, "max"), maps.max((2, 3)))
    flat = maps.reshape(5, 12)
    for how in ("flatten", "mean", "max"):
        assert np.array_equal(pooled(flat, how), flat)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="flatten, mean, max; we got 'median'"):
        About("f", "m", (8,), "median")
    with pytest.raises(ValueError, match=r"\(N, D\) or \(N, D, H, W\); we got \(3,\)"):
        pooled(np.zeros(3), "mean")
    with pytest.raises(ValueError, match="at least one number"):
        About("f", "m", ())


def test_a_foreign_or_newer_text_is_refused() -> None:
    for text in ("", "[]", "{}", '{"format": 1}', '{"format": 1, "code_shape": "no"}'):
        with pytest.raises(BadFile, match="does not say which model made it"):
            About.read(text, "c")
    newer = json.dumps({**json.loads(About("f", "m", (8,)).text()), "format": 9})
    with pytest.raises(BadFile, match="of version 9; .* install a newer one"):
        About.read(newer, "c")
