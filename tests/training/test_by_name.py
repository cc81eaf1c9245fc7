"""A recipe may be named, or be the function that makes one: its pictures have the shape."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import narrows as nw

X = np.random.default_rng(0).random((20, 8, 8))


def fitted(recipe: object) -> nw.Autoencoder:
    return nw.fit(recipe, X, epochs=1, report="quiet", device="cpu")


def test_a_name_a_function_and_a_recipe_are_the_same() -> None:
    fingerprints = {
        fitted(one).fingerprint()
        for one in ("mlp-vae", nw.recipes.mlp_vae, nw.recipes.mlp_vae((1, 8, 8)))
    }
    assert len(fingerprints) == 1


def test_a_name_is_known_in_a_fresh_interpreter() -> None:
    line = "import narrows as nw, numpy; nw.fit('conv-va', numpy.zeros((9, 8, 8)))"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True)
    assert "there is no recipe 'conv-va'" in done.stderr and "mean conv-vae?" in done.stderr


def test_no_pictures_are_said_before_a_name_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="pictures must be"):
        nw.fit("conv-va", [])


def test_a_function_that_makes_no_recipe() -> None:
    with pytest.raises(ValueError, match="a function that makes one .*; the function gave tuple"):
        fitted(tuple)


def test_a_height_and_a_width_are_gray_pictures() -> None:
    assert nw.recipes.conv_vae((8, 9)).shape == (1, 8, 9)
    assert nw.recipes.conv_vae(shape=np.zeros((3, 8, 9)).shape) == nw.recipes.conv_vae((3, 8, 9))


@pytest.mark.parametrize("given", [X, nw.images.Images(np.zeros((2, 1, 8, 8), np.uint8))])
def test_pictures_instead_of_their_shape(given: object) -> None:
    with pytest.raises(ValueError, match=r"the shape of one picture.*we got pictures: give images"):
        nw.recipes.conv_vae(given)


@pytest.mark.parametrize("given", [(8,), (1, 2, 3, 4), (0, 8), "abc", 8])
def test_what_is_no_shape(given: object) -> None:
    with pytest.raises(
        ValueError, match=r"the shape of one picture is \(C, H, W\) or \(H, W\); we"
    ):
        nw.recipes.conv_vae(given)


def test_a_name_that_is_none_has_a_hint() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'conv_va'.*did you mean conv-vae"):
        _ = nw.recipes.conv_va
