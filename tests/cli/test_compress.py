"""``narrows compress`` and ``decompress`` as a person meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("constriction")


@pytest.fixture(scope="module")
def fitted(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model of digits with its tables."""
    from narrows.applications.compress import TABLES, fit_tables

    folder = tmp_path_factory.mktemp("compress") / "model"
    shutil.copytree(trained, folder)
    fit_tables(folder, "digits", progress=False)
    assert (folder / TABLES).exists()
    return folder


@pytest.fixture
def pictures(digits, tmp_path: Path) -> list[Path]:
    """Three digits as PNG files."""
    places = [tmp_path / "in" / f"{i}.png" for i in range(3)]
    places[0].parent.mkdir()
    for place, pixels in zip(places, digits.pixels.numpy(), strict=False):
        Image.fromarray(pixels[0]).save(place)
    return places


def one_sentence(result, code: int, *words: str) -> None:
    assert result.code == code, result.err
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("narrows: ") and "Traceback" not in result.err
    for word in words:
        assert word in last, last


def test_there_and_back_with_a_table_beside(narrows, fitted, pictures, tmp_path: Path) -> None:
    out = tmp_path / "small"
    made = narrows("compress", fitted, *pictures, "-o", out, "--quality", 70)
    assert made.code == 0, made.err
    assert {p.name for p in out.iterdir()} == {"0.nrw", "1.nrw", "2.nrw"}
    for name in ("narrows", "JPEG", "WebP", "bits per pixel", "headers counted"):
        assert name in made.out
    back = narrows("decompress", fitted, *sorted(out.iterdir()), "-o", tmp_path / "back", "--json")
    assert back.code == 0, back.err
    assert len(json.loads(back.out)["pictures"]) == 3
    with Image.open(tmp_path / "back" / "1.png") as picture:
        assert picture.size == (8, 8)


def test_lossless_alone_and_together(narrows, fitted, pictures, tmp_path: Path) -> None:
    alone, one = tmp_path / "alone", tmp_path / "all.nrws"
    made = narrows("compress", fitted, *pictures, "-o", alone, "--lossless", "--json")
    rows = {row["name"]: row for row in json.loads(made.out)["rows"]}
    assert rows["narrows"]["psnr"] == 100 and {"PNG", "WebP lossless"} <= rows.keys()
    whole = narrows("compress", fitted, pictures[0].parent, "-o", one, "--lossless", "--together")
    assert whole.code == 0 and "1 file" in whole.out
    assert one.stat().st_size < sum(file.stat().st_size for file in alone.iterdir()) - 20
    assert narrows("decompress", fitted, one, alone / "2.nrw", "-o", tmp_path / "back").code == 0
    for number, place in enumerate(pictures):
        with Image.open(tmp_path / "back" / "all" / f"{number}.png") as again:
            with Image.open(place) as before:
                assert np.array_equal(np.asarray(again), np.asarray(before))


def test_a_large_picture_is_tiled_and_that_is_said(narrows, fitted, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png")
    made = narrows("compress", fitted, tmp_path / "large.png", "-o", tmp_path, "--max-error", 4)
    assert made.code == 0 and "30×20: cut into 12 tiles of 8×8" in made.err
    narrows("decompress", fitted, tmp_path / "large.nrw", "-o", tmp_path / "back")
    with Image.open(tmp_path / "back" / "large.png") as picture:
        assert np.abs(np.asarray(picture).astype(int) - pixels).max() <= 4
    small = narrows("compress", fitted, tmp_path / "large.png", "-o", tmp_path, "--resize", "crop")
    assert small.code == 0 and "tiles" not in small.err


def test_sets_sheets_and_curves(narrows, fitted, tmp_path: Path) -> None:
    made = narrows(
        *("compress", fitted, "digits", "--limit", 4, "-o", tmp_path / "out", "--together"),
        *("--sheet", tmp_path / "sheet.png", "--curve", tmp_path / "curve.png"),
    )
    assert made.code == 0, made.err
    for name in ("sheet.png", "curve.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 400
    assert (tmp_path / "out" / "pictures.nrws").exists()


def test_tables_are_fitted_once(narrows, trained, fitted, pictures, tmp_path: Path) -> None:
    one_sentence(
        narrows("compress", trained, pictures[0], "-o", tmp_path / "out"),
        *(1, "no tables", "--fit-on PICTURES"),
    )
    assert not (tmp_path / "out").exists()
    before = (fitted / "entropy.safetensors").read_bytes()
    one_sentence(narrows("compress", fitted, "--fit-on", "digits"), 1, "is there already")
    assert (fitted / "entropy.safetensors").read_bytes() == before
    one_sentence(narrows("compress", fitted), 2, "name the pictures")


def test_fit_alone(narrows, trained, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained, folder)
    made = narrows("compress", folder, "--fit-on", "digits")
    assert made.code == 0 and "the tables are in" in made.out
    assert (folder / "entropy.safetensors").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--quality", 0), ("1 to 100", "0")),
        (("--quality", 101), ("1 to 100", "101")),
        (("--max-error", 200), ("0 to 127", "200")),
        (("--max-error", 3, "--lossless"), ("--lossless is --max-error 0", "3")),
        (("--lossless", "--resize", "crop"), ("leave --resize out",)),
        (("--resize", "squeeze"), ("crop", "squeeze")),
    ],
)
def test_wrong_numbers(narrows, fitted, pictures, tmp_path: Path, options, words) -> None:
    out = tmp_path / "out"
    one_sentence(narrows("compress", fitted, pictures[0], "-o", out, *options), 2, *words)
    assert not out.exists()


def test_pictures_that_cannot_be(narrows, fitted, pictures, tmp_path: Path) -> None:
    out, broken = tmp_path / "out", tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    one_sentence(narrows("compress", fitted, broken, "-o", out), 1, "broken.png")
    assert not out.exists()
    made = narrows("compress", fitted, broken, pictures[1], "-o", out)
    assert made.code == 0 and "skipped" in made.err
    assert [path.name for path in out.iterdir()] == ["1.nrw"]
    Image.new("RGB", (8, 8), (200, 30, 30)).save(tmp_path / "red.png")
    refused = narrows("compress", fitted, tmp_path / "red.png", "-o", out, "--lossless")
    one_sentence(refused, 1, "it has colours, and this model's pictures are gray")
    Image.new("L", (9, 8)).save(tmp_path / "nine.png")
    both = (pictures[0], tmp_path / "nine.png")
    one_sentence(narrows("compress", fitted, *both, "--together", "-o", out), 2, "one size")


def test_twenty_harmed_files_leave_no_picture(narrows, fitted, pictures, tmp_path: Path) -> None:
    narrows("compress", fitted, pictures[0], "-o", tmp_path / "good")
    good = (tmp_path / "good" / "0.nrw").read_bytes()
    random = np.random.default_rng(0)
    harmed = [good[:cut] for cut in (0, 2, 12, len(good) // 2, len(good) - 1)]
    harmed += [good + b"\0", good[::-1]]
    for _ in range(13):
        place, bit = int(random.integers(len(good))), int(random.integers(8))
        harmed.append(good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :])
    folder = tmp_path / "harmed"
    folder.mkdir()
    for number, content in enumerate(harmed):
        (folder / f"{number:02}.nrw").write_bytes(content)
    out = tmp_path / "out"
    for place in sorted(folder.iterdir()):
        one_sentence(narrows("decompress", fitted, place, "-o", out), 1, place.name)
    assert len(harmed) == 20 and not out.exists()
    # the others are done
    result = narrows("decompress", fitted, *sorted(folder.iterdir())[:3], tmp_path / "good/0.nrw",
                     "-o", out)  # fmt: skip
    one_sentence(result, 1, "3 of 4 files could not be decompressed")
    assert [path.name for path in out.iterdir()] == ["0.png"]


def test_a_file_of_another_model(narrows, fitted, pictures, tmp_path: Path) -> None:
    narrows("compress", fitted, pictures[0], "-o", tmp_path / "good")
    other = tmp_path / "other"
    assert narrows(
        *("train", "digits", "--recipe", "mlp-vae", "--epochs", 1, "--to", other),
        *("--seed", 5, "--code-size", 3),
    ).code == 0  # fmt: skip
    assert narrows("compress", other, "--fit-on", "digits").code == 0
    file = tmp_path / "good" / "0.nrw"
    result = narrows("decompress", other, file, "-o", tmp_path / "out")
    one_sentence(result, 1, "made with another model")
    assert not (tmp_path / "out").exists()
    one_sentence(
        narrows("decompress", fitted, tmp_path / "none.nrw"), 1, "none.nrw", "No such file"
    )
    # tables of one beside the weights of another
    shutil.copy(fitted / "entropy.safetensors", other / "entropy.safetensors")
    one_sentence(narrows("decompress", other, file), 1, "was fitted to another model")


def test_compressed_files_of_one_name_come_back_by_their_folders(
    narrows, fitted, tmp_path: Path
) -> None:
    places = [tmp_path / "in" / name / "1.png" for name in "ab"]
    for number, place in enumerate(places):
        place.parent.mkdir(parents=True)
        Image.fromarray(np.full((8, 8), 90 * number, np.uint8)).save(place)
    assert narrows("compress", fitted, *places, "-o", tmp_path / "c").code == 0
    packed = [tmp_path / "c" / name / "1.nrw" for name in "ab"]
    assert all(path.is_file() for path in packed)
    assert narrows("decompress", fitted, *packed, "-o", tmp_path / "d").code == 0
    assert all((tmp_path / "d" / name / "1.png").is_file() for name in "ab")
