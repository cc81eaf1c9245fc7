"""``narrows recipes``: the list, one of them, and both as JSON."""

from __future__ import annotations

import json

from narrows.recipes import grouped, listed


def test_the_list_is_by_document_and_fits_a_hundred_columns(narrows) -> None:
    lines = narrows("recipes").out.splitlines()
    assert max(map(len, lines)) <= 100
    told = [line for line in lines if line in grouped() or line.split()[:1] and line[:2] == "  "]
    wanted = [text for title, names in grouped().items() for text in (title, *names)]
    assert [line if line in grouped() else line.split()[0] for line in told] == wanted


def test_the_weights_are_those_for_the_size(narrows) -> None:
    rows = {row["name"]: row for row in json.loads(narrows("recipes", "--json", "--size", 8).out)}
    assert rows.keys() == listed().keys()
    assert rows["linear-autoencoder"]["weights"] == 2 * 192 * 16 + 192 + 16
    assert rows["canziani-2020-standard"]["document"].startswith("Canziani 2020")


def test_one_recipe_is_told_whole(narrows) -> None:
    out = narrows("recipes", "lingrand-2021-stacked", "--size", "28").out
    assert "symmetric weights" in out
    assert "model     dense 128-64-32-10 (tied) → point → mse" in out
    assert "training  rungs 0 to 3 alone" in out and "then      elbo, 100 epochs" in out
    assert "code_size = 10, widths = (128, 64, 32)" in out
    row = json.loads(narrows("recipes", "lingrand-2021-stacked", "--json").out)
    assert row["numbers"] == {"code_size": 10, "widths": [128, 64, 32]}


def test_a_name_that_is_none(narrows) -> None:
    result = narrows("recipes", "conv-vea")
    assert result.code == 2 and "did you mean conv-vae?" in result.err


def test_the_parts_that_set_takes_are_listed(narrows) -> None:
    text = narrows("recipes", "--parts")
    assert text.code == 0 and "contractive" in text.out and "learning_rate" in text.out
    assert json.loads(narrows("recipes", "--parts", "--json").out)["corruption"]["patch"]
    assert narrows("recipes", "mlp-vae", "--parts").code == 2
