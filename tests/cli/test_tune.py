"""``narrows tune``: a search in a folder, what it prints, and how it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_a_search_its_table_and_the_recipe_that_is_left(
    narrows: Callable[..., Any], tmp_path: Path
) -> None:
    to = tmp_path / "search"
    asked = (
        *("tune", "digits", "--recipe", "mlp-autoencoder", "--code-size", 4, "--minutes", 0.02),
        *("--try", "learning_rate=[0.003,0.01]", "--set", "batch_size=64", "--to", to),
    )
    done = narrows(*asked)
    assert done.code == 0, done.err
    assert "mlp-autoencoder, learning_rate 0.01" in done.out and "PCA, 4 values" in done.out
    assert f"--recipe {to}/best.toml" in done.out and (to / "tune.png").exists()
    again = narrows(*asked)
    assert again.code == 1 and "--resume" in again.err
    whole = narrows(*asked, "--resume", "--json")
    assert whole.code == 0
    assert {arm["recipe"] for arm in json.loads(whole.out)["arms"]} == {"mlp-autoencoder"}
    best = narrows(
        "train", "digits", "--recipe", to / "best.toml", "--epochs", 1, "--to", tmp_path / "m"
    )
    assert best.code == 0, best.err
    assert (
        narrows("evaluate", to / json.loads(whole.out)["best"], "digits", "--limit", 50).code == 0
    )


def test_what_is_no_option(narrows: Callable[..., Any], tmp_path: Path) -> None:
    for text, said in (("learning_rate", "--try takes NAME=VALUE"), ("learning_rate=1", "a list")):
        refused = narrows("tune", "digits", "--try", text, "--to", tmp_path / "no")
        assert refused.code == 2 and said in refused.err
        assert not (tmp_path / "no").exists()
