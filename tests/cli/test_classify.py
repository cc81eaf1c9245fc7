"""``narrows classify`` as a person meets it."""

from __future__ import annotations

import csv
import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw

QUICK = ("--fit-size", 400, "--by", "knn,linear")


def test_of_digits(narrows, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "c"
    result = narrows("classify", trained, "digits", *QUICK, "-o", out, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["classes"] == 10 and document["fitted_on"] == 400
    rows = document["accuracies"]
    assert [name.split(",")[0] for name in rows] == [
        "codes",
        "PCA",
        "raw pixels",
        "encoder",
        "colour histograms",
        "k-means patches",
    ]
    assert document["most_frequent_class"] < 0.2
    assert rows["raw pixels"]["knn"]["accuracy"] > 0.9
    assert next(iter(rows.values()))["knn"]["accuracy"] > 0.5
    files = [document["files"].pop(name) for name in ("confusion", "few-labels", "groups")]
    assert files == [str(out / f"{name}.png") for name in ("confusion", "few-labels", "groups")]
    assert document["files"] == {"document": str(out / "classes.json")}
    assert sum(map(sum, document["confusion"]["counts"])) == document["tested_on"]
    curve = next(iter(document["label_efficiency"].values()))
    assert curve["20"] > curve["1"]
    assert 0 < document["clusters"]["mixture"]["adjusted_rand"] < 1
    for name in files:
        with Image.open(name) as shown:
            assert min(shown.size) > 200
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_tuned_encoder_is_kept_and_used_again(
    narrows, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("narrows.applications.classify")
    monkeypatch.setattr(module, "TUNED_COUNTS", (5,))
    out = tmp_path / "c"
    result = narrows("classify", trained, "digits", "--fit-size", 200, "--by", "knn,fine-tuned", "-o",
                     out, "--json")  # fmt: skip
    assert result.code == 0, result.err
    assert "taken as 8×8 in gray" in result.err
    document = json.loads(result.out)
    rows = document["accuracies"]
    assert list(rows)[-2:] == ["fine-tuned", "fine-tuned, begun untrained"]
    assert rows["fine-tuned"]["fine-tuned"]["accuracy"] > 0.8
    assert list(document["label_efficiency"]["fine-tuned"]) == ["5"]
    assert document["best"]["by"] in ("knn", "fine-tuned")
    assert document["files"]["fine-tuned"] == str(out / "fine-tuned")
    digits = nw.images.named("digits").select(range(50))
    np.save(tmp_path / "x.npy", digits.pixels.numpy())
    told = narrows(
        "classify", out / "fine-tuned", tmp_path / "x.npy", "-o", tmp_path / "t", "--json"
    )
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert set(found["files"]) == {"predictions", "document"} and len(found["predictions"]) == 50
    right = np.array(list(found["predictions"].values())) == digits.label.astype(str)
    assert right.mean() > 0.8


def test_the_codes_of_a_set_of_another_size_and_colour(narrows, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    which = np.arange(120) % 2
    pixels = draw.integers(0, 80, (120, 3, 12, 10)) + 150 * which[:, None, None, None]
    np.savez(tmp_path / "x.npz", images=pixels.astype(np.uint8), labels=which)
    colours = draw.integers(0, 256, (40, 3, 16, 16), np.uint8)
    np.save(tmp_path / "c.npy", colours)
    model = tmp_path / "m"
    made = narrows("train", tmp_path / "c.npy", "--recipe", "mlp-vae", "--epochs", 1, "--to", model)
    assert made.code == 0, made.err
    gray = tmp_path / "gray.npz"
    np.savez(gray, images=pixels[:, :1].astype(np.uint8), labels=which)
    for pictures in (tmp_path / "x.npz", gray):
        result = narrows("classify", model, pictures, "--by", "linear", "-o", tmp_path / "o")
        assert result.code == 0, result.err
        assert "taken as 16×16 in 3 channels" in result.err


def test_unknown_labels_are_told(narrows, trained: Path, tmp_path: Path) -> None:
    digits = nw.images.named("digits")
    (tmp_path / "in").mkdir()
    lines = ["file,which,other"]
    for i in range(60):
        Image.fromarray(digits.pixels[i, 0].numpy()).save(tmp_path / "in" / f"{i}.png")
        kind = "odd" if digits.label[i] % 2 else "even"
        lines.append(f"{i}.png,{kind if i < 50 else ''},x")
    (tmp_path / "y.csv").write_text("\n".join(lines))
    given = ("--by", "knn", "--predict", tmp_path / "in" / "3.png", "-o", tmp_path / "c")
    labels = ("--labels", f"{tmp_path / 'y.csv'}:which")
    result = narrows("classify", trained, tmp_path / "in", *labels, *given)
    assert result.code == 0, result.err
    assert "11 pictures without a label were given one" in result.out
    rows = list(csv.reader((tmp_path / "c" / "predictions.csv").read_text().splitlines()))
    assert rows[0] == ["file", "which"] and [r[0] for r in rows[1:]] == [
        *(f"{i}.png" for i in range(50, 60)),
        "3.png",
    ]
    assert {r[1] for r in rows[1:]} <= {"odd", "even"}
    # one class only
    labels = ("--labels", f"{tmp_path / 'y.csv'}:other")
    result = narrows("classify", trained, tmp_path / "in", *labels, "-o", tmp_path / "d")
    assert result.code == 2 and "all" in result.err and "are 'x'" in result.err
    assert not (tmp_path / "d").exists()


def test_groups_without_labels(narrows, trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", nw.images.named("digits").pixels[:80].numpy())
    given = (tmp_path / "x.npy", "-o", tmp_path / "c")
    result = narrows("classify", trained, *given, "--clusters", 4, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert set(document["files"]) == {"groups", "document", "clusters"}
    assert document["labels"] is None
    assert sum(document["clusters"]["k-means"]["sizes"]) == 80
    result = narrows("classify", trained, *given)
    assert result.code == 2 and "these pictures have no labels" in result.err


@pytest.mark.parametrize(
    "options, words",
    [
        (("--by", "tree"), "by takes knn, linear, svm, mlp, fine-tuned; we got 'tree'"),
        (("--labels", "hair"), "no labels 'hair'"),
        (("--clusters", "0"), "clusters is at least 1"),
        (("--limit", "0"), "limit is at least 1"),
    ],
)
def test_wrong_usage(narrows, trained: Path, tmp_path, monkeypatch, options, words) -> None:
    monkeypatch.chdir(tmp_path)
    result = narrows("classify", trained, "digits", *options)
    assert result.code == 2 and result.out == ""
    assert words in result.err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
