"""``narrows steer`` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw


def test_by_a_transform(narrows, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.png"
    given = ("--by", "brightness", "--fit-size", 300, "-o", out)
    result = narrows("steer", trained, "digits", *given, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["fitted_on"] == 300 and document["amount"] == 0.25
    own, real = document["effects"][0], document["of_the_transform"][0]
    assert own["attribute"] == real["attribute"] == "brightness"
    assert real["change"] > 0.1 > abs(own["change"]) > 0
    assert set(document["nearness"]) == {"steered", "unmoved", "ceiling"}
    with Image.open(out) as strip:
        assert strip.width > 700 and len(np.unique(np.asarray(strip.convert("L")))) > 30
    text = narrows("steer", trained, "digits", *given, "--straight", "--amount", 0.1)
    assert "of the transform itself" in text.out and "+0.1 of the range" in text.out


def test_by_a_label_of_other_pictures(narrows, trained: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "a.png")
    given = ("--fit-on", "digits", "-o", tmp_path / "s.png", "--json")
    for by in ("label=3", "label"):
        result = narrows("steer", trained, tmp_path / "a.png", "--by", by, *given)
        assert result.code == 0, result.err
        document = json.loads(result.out)
        assert document["effects"][-1]["attribute"] == by and document["probe_r2"] > 0.1
        assert (document["amount"] == 1) == (by == "label=3")


def test_numbers_with_an_empty_cell_and_a_label_that_is_chance(narrows, trained, tmp_path) -> None:
    """One empty cell makes 1.0 of 1, and no class of nan; what codes do not tell is no finding."""
    digits, folder = nw.images.named("digits"), tmp_path / "pictures"
    folder.mkdir()
    chance = np.random.default_rng(0).integers(0, 100, 90)
    lines = ["file,even,chance"]
    for i, picture in enumerate(digits.pixels[:90, 0].numpy()):
        Image.fromarray(picture).save(folder / f"{i}.png")
        even = "" if i == 7 else int(digits.label[i]) % 2
        lines.append(f"{i}.png,{even},{chance[i]}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    given = ("--fit-on", folder, "-o", tmp_path / "s.png")
    result = narrows("steer", trained, folder, "--by", "even=1", *given)
    assert result.code == 0, result.err
    result = narrows("steer", trained, folder, "--by", "even=nan", *given)
    assert result.code == 2 and "no class 'nan', only 0, 1" in result.err
    result = narrows("steer", trained, folder, "--by", "chance", *given, "--json")
    assert result.code == 0 and json.loads(result.out)["r2"] <= 0
    result = narrows("steer", trained, folder, "--by", "chance", *given)
    assert "there is no direction of chance in these codes" in result.out
    assert "effect size" not in result.out
    result = narrows("steer", trained, folder, "--by", "smile", *given)
    assert result.code == 2 and "or a label of the pictures (" in result.err
    assert "even" in result.err and "chance" in result.err


@pytest.mark.parametrize(
    "options, words",
    [
        (("--by", "brightnes"), "by is one of brightness, rotation"),
        (("--by", "label=eleven"), "label has no class 'eleven'"),
        (("--by", "zoom", "--amount", "nan"), "finite"),
        (("--by", "zoom", "-o", "s.gif"), "-o names a PNG"),
        (("--by", "zoom", "--limit", "0"), "limit is at least 1"),
    ],
)
def test_wrong_usage(narrows, trained: Path, tmp_path, monkeypatch, options, words) -> None:
    monkeypatch.chdir(tmp_path)
    result = narrows("steer", trained, "digits", *options)
    assert result.code == 2 and result.out == ""
    assert words in result.err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_does_not_say_what_it_saw(narrows, tmp_path: Path) -> None:
    nw.save(nw.recipes.mlp_vae((1, 8, 8), 4).build(), tmp_path / "model")
    result = narrows("steer", tmp_path / "model", "digits", "--by", "zoom")
    assert result.code == 2 and "name pictures with --fit-on" in result.err
