"""Near names: what somebody may have meant."""

from __future__ import annotations

import narrows as nw
from narrows.near import meant, nearest


def test_names_that_hold_every_word_come_first() -> None:
    recipes = nw.recipes.listed()
    assert "higgins-2017-beta-vae" in nearest("beta-vae", recipes)
    assert nearest("vae", recipes)[0] == "pca-vae"
    assert nearest("conv-va", recipes) == ["conv-vae"]
    assert nearest("Fashion-MNIST", ["fashion_mnist", "mnist"]) == ["fashion_mnist"]
    assert nearest("minst", ["fashion_mnist", "mnist"]) == ["mnist"]
    assert nearest("quite another", recipes) == nearest("", recipes) == []


def test_the_end_of_a_sentence() -> None:
    assert meant("flwo", ["flow", "mixture"]) == "; did you mean 'flow'?"
    assert meant("a", ["a-b", "a-c"], quoted=False) == "; did you mean a-b or a-c?"
    assert meant("zzz", ["flow"]) == ""
