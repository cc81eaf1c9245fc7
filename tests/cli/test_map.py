"""``narrows map`` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw

QUICK = ("--fit-size", 150, "--limit", 200)


def test_of_digits(narrows, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    result = narrows("map", trained, "digits", *QUICK, "-o", out, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["pictures"] == 200 and document["labels"] == "label"
    tsne, pca = document["maps"]["t-SNE"], document["maps"]["PCA"]
    assert tsne["fitted_on"] == 150 and pca["fitted_on"] == 200
    assert tsne["trustworthiness"] > pca["trustworthiness"] > 0.5
    assert tsne["same_label"] > 0.4
    with Image.open(out / "map.png") as shown:
        assert shown.width > 1200
    page = (out / "map.html").read_text(encoding="utf-8")
    assert "as model sees it" in page and "200" in page
    assert sorted(p.name for p in out.iterdir()) == ["map.html", "map.json", "map.png"]


def test_new_pictures_and_other_labels(narrows, trained: Path, tmp_path: Path) -> None:
    pixels = nw.images.named("digits").pixels.numpy()
    np.savez(tmp_path / "some.npz", x=pixels[:60], y=np.arange(60) / 7)
    Image.fromarray(pixels[0, 0]).save(tmp_path / "zero.png")
    given = ("--project", tmp_path / "zero.png", "-o", tmp_path / "m", "--json")
    result = narrows("map", trained, tmp_path / "some.npz", *given)
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert set(document["placed"]["zero.png"]) == {"t-SNE", "PCA"}
    assert document["maps"]["PCA"]["same_label"] is None  # numbers, not classes
    np.save(tmp_path / "y.npy", np.array(["a", "b", "c"])[np.arange(60) % 3])
    given = ("--labels", tmp_path / "y.npy", "-o", tmp_path / "m")
    result = narrows("map", trained, tmp_path / "some.npz", *given)
    assert (
        result.code == 0 and "of the same label" in result.out and "trustworthiness" in result.out
    )
    result = narrows("map", trained, tmp_path / "some.npz", "--labels", "none", *given[2:])
    assert result.code == 0 and "of the same label" not in result.out


@pytest.mark.parametrize(
    "options, words",
    [
        (("--labels", "hair"), "no labels 'hair': those of these pictures are label"),
        (("--labels", "gone.csv"), "there is no labels file gone.csv"),
        (("--limit", "4"), "at least 5 pictures; we got 4"),
        (("--limit", "0"), "limit is at least 1; we got 0"),
        (("--perplexity", "0"), "perplexity is above 1"),
        (("-o", "map.gif"), "-o is a folder for the results; we got map.gif"),
    ],
)
def test_wrong_usage(narrows, trained: Path, tmp_path, monkeypatch, options, words) -> None:
    monkeypatch.chdir(tmp_path)
    result = narrows("map", trained, "digits", *options)
    assert result.code in (1, 2) and result.out == ""
    assert words in result.err.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
