"""``narrows map``, ``classify`` and ``outliers`` of a collection and of what passes a filter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw
from narrows.collection import Collection


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 digits in folders by their class."""
    folder = tmp_path_factory.mktemp("photos")
    digits = nw.images.named("digits").select(range(240))
    for i, (pixels, label) in enumerate(zip(digits.pixels.numpy(), digits.label, strict=True)):
        (folder / f"d{label}").mkdir(exist_ok=True)
        Image.fromarray(pixels[0]).save(folder / f"d{label}" / f"{i:03d}.png")
    return folder


@pytest.fixture
def collection(narrows, trained: Path, photos: Path, tmp_path: Path) -> Path:
    assert narrows("index", trained, photos, "--to", tmp_path / "c").code == 0
    return tmp_path / "c"


def test_a_map(narrows, collection: Path, tmp_path: Path) -> None:
    out = tmp_path / "map"
    few = ("--where", "label IN ('d0', 'd1', 'd2')", "-o", out, "--json")
    result = narrows("map", collection, *few)
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert 60 < document["pictures"] < 90 and document["labels"] in ("label", "folder")
    assert (out / "map.png").exists() and (out / "map.html").exists()


def test_classes(narrows, collection: Path, tmp_path: Path) -> None:
    result = narrows("classify", collection, "--by", "knn", "-o", tmp_path / "k", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["classes"] == 10 and document["fitted_on"] + document["tested_on"] <= 240


def test_outliers_are_scored_and_the_scores_kept(narrows, collection: Path, tmp_path: Path) -> None:
    arguments = ("outliers", collection, "--normal", "label <> 'd7'", "--score", "knn")
    result = narrows(*arguments, "--false-alarms", 0.05, "-o", tmp_path / "o", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    sevens = {row["id"] for row in document["pictures"]}
    assert sevens and all(id_.startswith("d7/") for id_ in sevens)
    opened = Collection.open(collection)
    assert opened.scores == ["score_knn"]
    rows = opened.rows(["id", "score_knn"])
    known = ~np.isnan(rows["score_knn"])
    assert set(rows["id"][known]) == sevens
    found = narrows("search", collection, "--id", min(sevens), "--where", "score_knn > 0",
                    "-o", tmp_path / "s", "--json")  # fmt: skip
    assert {row["id"] for row in json.loads(found.out)["results"]} <= sevens


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (("map", "{c}", "digits"), "is a collection and has its own pictures"),
        (("map", "{m}"), "is no collection, which has its own"),
        (("map", "{m}", "digits", "--where", "width > 1"), "is none"),
        (("map", "{c}", "--where", "width <"), "cannot be used"),
        (("map", "{c}", "--where", "width > 900"), "no picture of"),
        (("classify", "{m}"), "is no collection"),
        (("outliers", "{c}"), "say what is normal"),
        (("outliers", "{m}", "--normal", "digits"), "is no collection"),
        (("outliers", "{c}", "digits", "--normal", "width > 1"), "has its own pictures"),
        (("outliers", "{c}", "--normal", "width > 1", "--split", "test"), "a part is a filter"),
    ],
)
def test_what_does_not_go_together(narrows, trained, collection, tmp_path, verb, words) -> None:
    given = [str(word).format(c=collection, m=trained) for word in verb]
    out = tmp_path / "none"
    result = narrows(*given, "-o", out)
    assert result.code in (1, 2) and words in result.err and "Traceback" not in result.err
    assert not out.exists() and result.out == ""


def test_pictures_that_are_gone(narrows, trained: Path, photos: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for path in sorted(photos.rglob("*.png"))[:12]:
        (own / path.name).write_bytes(path.read_bytes())
    assert narrows("index", trained, own, "--to", tmp_path / "c").code == 0
    for path in sorted(own.iterdir())[:2]:
        path.unlink()
    result = narrows("map", tmp_path / "c", "-o", tmp_path / "m", "--json")
    assert result.code == 0 and json.loads(result.out)["pictures"] == 10
    assert "2 pictures are gone since they were indexed" in result.err
