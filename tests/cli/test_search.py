"""``narrows search``: by picture, by id, by sums; a sheet and JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.images import Images


@pytest.fixture
def collection(narrows, trained: Path, digits: Images, tmp_path: Path) -> Path:
    """Twenty digits in two folders."""
    for i in range(20):
        kind = tmp_path / "photos" / ("even" if int(digits.label[i]) % 2 == 0 else "odd")
        kind.mkdir(parents=True, exist_ok=True)
        pixels = digits.pixels[i, 0].numpy().repeat(4, 0).repeat(4, 1)
        Image.fromarray(pixels).save(kind / f"{i}.png")
    assert narrows("index", trained, tmp_path / "photos", "--to", tmp_path / "c").code == 0
    return tmp_path / "c"


@pytest.fixture
def found(narrows, collection: Path, tmp_path: Path) -> Callable[..., dict]:
    """Search and read the JSON; the sheet is a picture."""

    def search(*arguments: object) -> dict:
        out = tmp_path / "found"
        result = narrows("search", collection, *arguments, "-o", out, "--json")
        assert result.code == 0, result.err
        with Image.open(out / "search.png") as sheet:
            assert sheet.width > 300 and len(np.unique(np.asarray(sheet.convert("L")))) > 30
        return json.loads(result.out) | {"err": result.err}

    return search


def codes(collection: Path) -> dict[str, np.ndarray]:
    from narrows.collection import Collection

    ids, array = Collection.open(collection).codes()
    return dict(zip(ids, array, strict=True))


def test_a_picture_finds_itself(found, collection: Path, tmp_path: Path) -> None:
    document = found("--like", tmp_path / "photos" / "even" / "0.png", "-k", 5)
    first = document["results"][0]
    assert first["id"] == "even/0.png" and first["distance"] < 1e-4
    assert first["label"] == "even" and first["width"] == 32 and document["exact"]
    distances = [row["distance"] for row in document["results"]]
    assert len(distances) == 5 and distances == sorted(distances)
    assert [row["query"] for row in document["results"]] == [True, *[False] * 4]


def test_an_id_finds_others(found, collection: Path) -> None:
    document = found("--id", "even/0.png", "-k", 3)
    known = codes(collection)
    query = known.pop("even/0.png")
    nearest = sorted(known, key=lambda name: float(np.linalg.norm(known[name] - query)))
    assert [row["id"] for row in document["results"]] == nearest[:3]
    filtered = found("--id", "even/0.png", "--where", "label = 'odd'", "-k", 3)
    odd = [name for name in nearest if name.startswith("odd")]
    assert [row["id"] for row in filtered["results"]] == odd[:3]


def test_sums_of_codes(found, collection: Path, tmp_path: Path) -> None:
    known = codes(collection)
    ids = list(known)
    picture = tmp_path / "photos" / ids[1]
    document = found("--id", ids[0], "--like", picture, "--minus", ids[2], "-k", 1)
    query = known[ids[0]] + known[ids[1]] - known[ids[2]]
    others = [name for name in ids if name not in (ids[0], ids[2])]
    nearest = min(others, key=lambda name: float(np.linalg.norm(known[name] - query)))
    assert document["results"][0]["id"] == nearest
    assert [term["sign"] for term in document["query"]] == ["like", "like", "minus"]


def test_fewer_pictures_than_asked_for(found) -> None:
    document = found("--id", "even/0.png", "-k", 50)
    assert len(document["results"]) == 19
    assert "asked for 50 pictures; there are 19 beside the query" in document["err"]


def test_text_for_people(narrows, collection: Path, tmp_path: Path) -> None:
    result = narrows("search", collection, "--id", "even/0.png", "-k", 2, "-o", tmp_path / "s")
    assert len(result.out.splitlines()) == 3 and "look at" in result.out and "32x32" in result.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "--like PICTURE or --id ID"),
        (("--id", "even/0"), 2, "has no picture 'even/0'"),
        (("--like", "nowhere.png"), 1, "there is no file or folder nowhere.png"),
        (("--id", "even/0.png", "--minus", "even/0.png"), 2, "more pictures to be like"),
        (("--id", "even/0.png", "--where", "label ="), 2, "the filter 'label =' cannot be used"),
        (("--id", "even/0.png", "--where", "width > 999"), 2, "passes the filter"),
        (("--id", "even/0.png", "-k", "0"), 2, "k is at least 1; we got 0"),
        (("--id", "even/0.png", "--version", "3"), 2, "versions 1; we got 3"),
    ],
)
def test_what_a_person_gets_wrong(narrows, collection, tmp_path, arguments, code, words) -> None:
    out = tmp_path / "none"
    result = narrows("search", collection, *arguments, "-o", out)
    assert result.code == code, result.err
    line = result.err.strip().splitlines()[-1]
    assert line.startswith("narrows: ") and words in line and "Traceback" not in result.err
    assert result.out == "" and not out.exists()


def test_the_model_that_moved_and_the_wrong_one(
    narrows, trained: Path, collection: Path, tmp_path: Path
) -> None:
    from narrows.collection import Collection

    picture, out = tmp_path / "photos" / "even" / "0.png", tmp_path / "s"
    Collection.open(collection).change(model=str(tmp_path / "gone"))
    lost = narrows("search", collection, "--like", picture, "-o", out)
    assert lost.code == 1 and "where it moved, say so with --model" in lost.err
    assert narrows("search", collection, "--id", "even/0.png", "-o", out).code == 0
    assert narrows("search", collection, "--like", picture, "--model", trained, "-o", out).code == 0
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    from narrows import files

    tensors, header = files.load_tensors(other / "model.safetensors")
    tensors = {k: v + 1 if v.is_floating_point() else v for k, v in tensors.items()}
    files.save_tensors(other / "model.safetensors", tensors, header)
    wrong = narrows("search", collection, "--like", picture, "--model", other, "-o", out)
    assert wrong.code == 1 and "do not mix" in wrong.err and str(other) in wrong.err


def test_a_damaged_collection(narrows, collection: Path, tmp_path: Path) -> None:
    for path in collection.glob("pictures-*/data/*"):
        path.write_bytes(path.read_bytes()[:40])
    result = narrows("search", collection, "--id", "even/0.png", "-o", tmp_path / "s")
    assert result.code == 1 and "is damaged" in result.err and "Traceback" not in result.err


def test_the_help_has_an_example(narrows) -> None:
    result = narrows("search", "--help")
    assert "Example: narrows search" in " ".join(result.out.split())


def test_a_png_takes_the_sheet_alone(narrows, trained: Path, tmp_path: Path) -> None:
    codes, out = tmp_path / "codes", tmp_path / "sheet.png"
    assert narrows("index", trained, "digits", "--to", codes).code == 0
    found = narrows("search", codes, "--id", "0", "-k", 3, "-o", out, "--json")
    assert found.code == 0, found.err
    assert json.loads(found.out)["files"] == {"sheet": str(out)} and out.stat().st_size > 1000
    assert narrows("search", codes, "--id", "0", "-o", tmp_path / "sheet.gif").code == 2
