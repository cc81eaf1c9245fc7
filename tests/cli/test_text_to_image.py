"""``narrows generate --text`` as a person meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def told(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of digits with a prior that was told captions of them."""
    import sys

    from narrows.cli import main

    folder = Path(shutil.copytree(trained, tmp_path_factory.mktemp("told") / "model"))
    with pytest.MonkeyPatch.context() as patched:
        given = ["--kind", "caption-flow", "--set", "steps=60", "--set", "width=32", "--json"]
        patched.setattr(sys, "argv", ["narrows", "prior", str(folder), "digits", *given])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code in (0, None)
    return folder


def test_a_sheet_and_single_files(narrows, told: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    result = narrows("generate", told, "--text", "a seven", "-n", 9, "-o", out)
    assert result.code == 0 and "9 samples of 'a seven'" in result.out
    before = out.read_bytes()
    assert len(np.unique(np.asarray(Image.open(out)))) > 20
    narrows("generate", told, "--text", "a seven", "-n", 9, "-o", out)
    assert out.read_bytes() == before
    narrows("generate", told, "--text", "a three", "-n", 9, "-o", out)
    assert out.read_bytes() != before
    many = tmp_path / "many"
    document = json.loads(
        narrows("generate", told, "--text", "7", "-n", 3, "--files", "-o", many, "--json").out
    )
    assert document["text"] == "7" and document["prior"] == "caption-flow"
    assert sorted(path.name for path in many.iterdir()) == [
        *("0.png", "1.png", "2.png", "generated.json", "sheet.png")
    ]
    assert document["files"]["pictures"] == [str(many / f"{i}.png") for i in range(3)]


def test_where_pictures_go_by_themselves(narrows, told: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert narrows("generate", told, "--text", "zero", "-n", 16).out.splitlines() == [
        "16 samples of 'zero', prior: caption-flow",
        "look at generated.png",
    ]


def test_the_prior_says_how_to_use_it(narrows, told: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(told, tmp_path / "model"))
    quick = ("--kind", "caption-flow", "--set", "steps=5", "--limit", 100)
    result = narrows("prior", model, "digits", *quick)
    assert result.code == 0 and f"use it   narrows generate {model} --text " in result.out
    document = json.loads(narrows("prior", model, "digits", *quick, "--json").out)
    assert "seven" in document["words"]
    drawn = narrows("generate", model, "--prior", "caption-flow", "-n", 4, "-o", tmp_path / "g.png")
    assert drawn.code == 0 and "caption-flow" in drawn.out


@pytest.mark.parametrize(
    "text, options, code, words",
    [
        ("a sevn", (), 2, "says 'sevn'; did you mean 'seven'"),
        ("walrus", (), 2, "says 'walrus'; the words are"),
        ("  ,", (), 2, "a text has at least one word"),
        ("a seven", ("-n", "0"), 2, "at least 1 picture"),
        ("a seven", ("-o", "g.jpg"), 2, "-o names a PNG"),
    ],
)
def test_wrong_usage(narrows, told, tmp_path, monkeypatch, text, options, code, words) -> None:
    monkeypatch.chdir(tmp_path)
    result = narrows("generate", told, "--text", text, *options)
    assert result.code == code and result.out == ""
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("narrows: ") and words in last
    assert list(tmp_path.iterdir()) == []


def test_without_a_prior(narrows, trained: Path, tmp_path: Path) -> None:
    result = narrows("generate", trained, "--text", "a seven", "-o", tmp_path / "g.png")
    assert result.code == 1 and result.out == ""
    assert f"run `narrows prior {trained} PICTURES --kind caption-flow` first" in result.err


def test_pictures_of_which_nothing_is_known(narrows, told: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(told, tmp_path / "model"))
    (model / "prior-caption-flow.safetensors").unlink()
    pixels = np.random.default_rng(0).integers(0, 255, (20, 8, 8), np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    result = narrows("prior", model, tmp_path / "x.npy", "--kind", "caption-flow")
    assert result.code == 2 and "captions are made of labels" in result.err
    assert [path.name for path in model.glob("prior-*")] == ["prior-mixture.safetensors"]


def test_captions_of_a_folder(narrows, told: Path, tmp_path: Path) -> None:
    model, folder = Path(shutil.copytree(told, tmp_path / "model")), tmp_path / "mine"
    folder.mkdir()
    lines = ["file,caption"]
    for i in range(24):
        Image.new("L", (8, 8), 10 * i).save(folder / f"{i}.png")
        lines.append(f'{i}.png,"{["", "dark, like Night", "bright as day"][i % 3]}"')
    (folder / "labels.csv").write_text("\n".join(lines))
    given = ("--kind", "caption-flow", "--set", "steps=20", "--set", "width=8")
    result = narrows("prior", model, folder, *given)
    assert result.code == 0, result.err
    assert "'dark, like Night'" in result.out or "'bright as day'" in result.out
    out = tmp_path / "g.png"
    assert narrows("generate", model, "--text", "Dark night", "-n", 2, "-o", out).code == 0
    refused = narrows("generate", model, "--text", "a seven", "-o", out)
    assert refused.code == 2 and "says 'a', 'seven'" in refused.err


def test_help_has_an_example(narrows) -> None:
    result = narrows("generate", "--help")
    assert result.code == 0 and "narrows generate runs/sprites --text" in " ".join(
        result.out.split()
    )
