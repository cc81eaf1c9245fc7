"""``narrows morph`` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import narrows as nw


@pytest.fixture
def pictures(tmp_path: Path, digits) -> list[Path]:
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, pixels in zip(paths, digits.pixels, strict=False):
        Image.fromarray(pixels[0].numpy()).save(path)
    return paths


def test_a_strip_and_an_animation(narrows, trained: Path, pictures, tmp_path: Path) -> None:
    out = tmp_path / "out" / "strip.png"
    result = narrows("morph", trained, *pictures, "-o", out)
    assert result.code == 0, result.err
    assert "9 frames" in result.out and "pixels" in result.out
    with Image.open(out) as strip:
        assert strip.width > 900
    for kind in (".webp", ".gif"):
        result = narrows(
            "morph", trained, *pictures[:2], "-o", tmp_path / f"m{kind}", "--frames", 6, "--json"
        )
        document = json.loads(result.out)
        assert document["frames"] == 6 and document["alphas"][-1] == 1
        with Image.open(tmp_path / f"m{kind}") as film:
            assert film.n_frames == 10


def test_several_decodings(narrows, trained: Path, pictures, tmp_path: Path) -> None:
    out = tmp_path / "draws.png"
    result = narrows("morph", trained, pictures[0], "--samples", 4, "-o", out, "--json")
    assert result.code == 0 and out.exists()
    assert json.loads(result.out)["deviation"]["0.png"] > 0


def test_an_unreadable_picture_is_named_and_the_others_are_done(
    narrows, trained: Path, pictures, tmp_path: Path
) -> None:
    pictures[1].write_bytes(b"no picture")
    result = narrows("morph", trained, *pictures, "-o", tmp_path / "m.png")
    assert result.code == 0
    assert "skipped" in result.err and "1.png" in result.err


@pytest.mark.parametrize(
    "options, words",
    [
        (("--alpha", "1.5"), "to the last (1); we got 1.5"),
        (("--alpha", "-0.1"), "we got -0.1"),
        (("--blend", "cubic"), "linear or spherical"),
        (("--frames", "1"), "at least 2 frames"),
        (("-o", "m.mp4"), "-o ends in .png, .webp, .gif"),
    ],
)
def test_wrong_numbers(narrows, trained: Path, pictures, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    result = narrows("morph", trained, *pictures, *options)
    assert result.code == 2 and result.out == ""
    assert words in result.err.strip().splitlines()[-1]
    assert set(tmp_path.iterdir()) == before


def test_one_picture_is_too_few(narrows, trained: Path, pictures, tmp_path: Path) -> None:
    result = narrows("morph", trained, pictures[0], "-o", tmp_path / "m.png")
    assert result.code == 2 and "at least 2 pictures" in result.err


def test_points_have_no_several_decodings(narrows, pictures, tmp_path: Path) -> None:
    model = nw.recipes.mlp_autoencoder((1, 8, 8), 4).build()
    nw.save(model, tmp_path / "points")
    result = narrows(
        "morph", tmp_path / "points", pictures[0], "--samples", 3, "-o", tmp_path / "m.png"
    )
    assert result.code == 2 and "train a variational recipe" in result.err
    assert not (tmp_path / "m.png").exists()


def test_a_page_takes_no_frames(narrows, trained: Path, pictures, tmp_path: Path) -> None:
    result = narrows("morph", trained, *pictures, "-o", tmp_path / "p.html", "--frames", 6)
    assert result.code == 2 and "leave --frames, --alpha and --blend out" in result.err


@pytest.mark.slow
def test_a_page_has_the_decoder(narrows, trained: Path, pictures, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    result = narrows("morph", trained, *pictures, "-o", tmp_path / "p.html", "--json")
    assert result.code == 0, result.err
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert 'id="engine"' in page and '"names": ["0.png", "1.png", "2.png"]' in page
