"""``narrows index`` and ``narrows collection`` as a person meets them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows import files
from narrows.images import Images


@pytest.fixture
def photos(digits: Images, tmp_path: Path) -> Path:
    """Thirty digits in folders by class, and one file that is no picture."""
    for i in range(30):
        kind = tmp_path / "photos" / f"class{int(digits.label[i])}"
        kind.mkdir(parents=True, exist_ok=True)
        pixels = digits.pixels[i, 0].numpy().repeat(4, 0).repeat(4, 1)
        Image.fromarray(pixels).save(kind / f"{i}.png")
    (tmp_path / "photos" / "class3" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "photos"


def last(result, code: int) -> str:
    assert result.code == code, result.err
    assert result.out == "" and "Traceback" not in result.err
    line = result.err.strip().splitlines()[-1]
    assert line.startswith("narrows: ")
    return line


def test_a_folder_twice_and_after_a_change(narrows, trained: Path, photos: Path, tmp_path) -> None:
    to = tmp_path / "codes"
    result = narrows("index", trained, photos, "--to", to)
    assert result.code == 0, result.err
    assert "30 pictures in" in result.out and "codes of 16 numbers" in result.out
    assert "1 skipped" in result.out and "skipped class3/broken.png: not a picture" in result.err
    again = json.loads(narrows("index", trained, photos, "--to", to, "--json").out)
    assert (again["added"], again["unchanged"], again["pictures"]) == (0, 30, 30)
    assert again["skipped"] == [["class3/broken.png", "not a picture"]]
    assert "label" in again["columns"]
    shutil.copy(photos / "class0" / "0.png", photos / "class0" / "copy.png")
    (photos / "class1" / "1.png").unlink()
    third = json.loads(narrows("index", trained, photos, "--to", to, "--json").out)
    assert (third["added"], third["removed"], third["unchanged"]) == (1, 1, 29)


def test_the_codes_are_the_models(narrows, trained: Path, photos: Path, tmp_path: Path) -> None:
    from narrows.training import load

    assert narrows("index", trained, photos, "--to", tmp_path / "c").code == 0
    assert narrows("collection", "export", tmp_path / "c", tmp_path / "c.npz").code == 0
    from narrows.images import folder

    images = folder(photos, 8, "gray", cache=tmp_path / "cache")
    expected = dict(zip(images.ids, load(trained).encode(images).z.numpy(), strict=True))
    with np.load(tmp_path / "c.npz") as arrays:
        for id_, code in zip(arrays["id"], arrays["code"], strict=True):
            assert np.allclose(code, expected[str(id_)], atol=1e-5)


def test_a_named_set_and_an_array(narrows, trained: Path, tmp_path: Path) -> None:
    result = narrows("index", trained, "digits", "--to", tmp_path / "c", "--json")
    assert json.loads(result.out)["added"] == 1797
    count = narrows("collection", "export", tmp_path / "c", tmp_path / "sevens.csv", "--where",
                    "label = 7")  # fmt: skip
    assert "179 pictures" in count.out
    np.save(tmp_path / "x.npy", np.zeros((5, 10, 12), np.uint8))
    result = narrows("index", trained, tmp_path / "x.npy", "--to", tmp_path / "d", "--json")
    assert json.loads(result.out)["pictures"] == 5


def test_metadata(narrows, trained: Path, photos: Path, tmp_path: Path) -> None:
    table = tmp_path / "mood.csv"
    table.write_text("file,mood\nclass0/0.png,good\n")
    to = tmp_path / "c"
    assert narrows("index", trained, photos, "--to", to, "--metadata", table).code == 0
    info = json.loads(narrows("collection", "info", to, "--json").out)
    assert info["columns"]["mood"] == "string" and info["columns"]["label"] == "string"
    assert info["pictures"] == 30 and info["version"] == 1 and info["complete"]
    table.write_text("colour,mood\nred,good\n")
    wrong = narrows("index", trained, photos, "--to", to, "--metadata", table)
    assert "first column" in last(wrong, 1)
    assert "goes with a folder" in last(
        narrows("index", trained, "digits", "--to", to, "--metadata", table), 2
    )


def other_model(trained: Path, to: Path) -> Path:
    """The same recipe with other weights."""
    to.mkdir()
    shutil.copy(trained / "recipe.toml", to)
    tensors, header = files.load_tensors(trained / "model.safetensors")
    tensors = {
        name: tensor + 0.01 if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    files.save_tensors(to / "model.safetensors", tensors, header)
    return to


def test_another_model_and_anew(narrows, trained: Path, photos: Path, tmp_path: Path) -> None:
    to, other = tmp_path / "c", other_model(trained, tmp_path / "other")
    assert narrows("index", trained, photos, "--to", to).code == 0
    line = last(narrows("index", other, photos, "--to", to), 1)
    assert str(trained) in line and str(other) in line and "--new-version" in line
    result = json.loads(narrows("index", other, photos, "--to", to, "--new-version", "--json").out)
    assert result["version"] == 2 and result["added"] == 30
    assert "versions 1, 2; we got 9" in last(narrows("collection", "info", to, "--version", 9), 2)
    assert "version    1" not in narrows("collection", "info", to).out
    assert narrows("collection", "delete", to, "--version", 1).code == 0
    info = json.loads(narrows("collection", "info", to, "--json").out)
    assert [each["version"] for each in info["versions"]] == [2]


def test_a_model_that_gives_nan(narrows, trained: Path, photos: Path, tmp_path: Path) -> None:
    broken = other_model(trained, tmp_path / "nan")
    tensors, header = files.load_tensors(broken / "model.safetensors")
    name = next(key for key in tensors if "ladder" in key and tensors[key].is_floating_point())
    tensors[name] = tensors[name] * float("nan")
    files.save_tensors(broken / "model.safetensors", tensors, header)
    line = last(narrows("index", broken, photos, "--to", tmp_path / "c"), 1)
    assert "holds NaN or infinite values" in line and "train the model again" in line
    assert not (tmp_path / "c").exists()


def test_what_a_person_gets_wrong(narrows, trained: Path, photos: Path, tmp_path: Path) -> None:
    to = tmp_path / "c"
    assert "no file or folder" in last(narrows("index", trained, tmp_path / "no", "--to", to), 1)
    assert "holds other things" in last(narrows("index", trained, photos, "--to", photos), 1)
    assert "pool must be one of" in last(
        narrows("index", trained, photos, "--to", to, "--pool", "median"), 2
    )
    assert not to.exists()
    assert "recipe.toml" in last(narrows("index", tmp_path, photos, "--to", to), 1)
    assert "there is no collection" in last(narrows("collection", "info", to), 1)
    assert narrows("index", trained, photos, "--to", to).code == 0
    assert "one of the three" in last(narrows("collection", "delete", to), 2)
    assert "did you mean" in last(narrows("collection", "delete", to, "--id", "class0/0.pn"), 2)
    assert "the filter" in last(narrows("collection", "delete", to, "--where", "nope"), 2)
    assert ".parquet" in last(narrows("collection", "export", to, tmp_path / "x.xlsx"), 2)
    deleted = narrows("collection", "delete", to, "--where", "label = 'class0'", "--json")
    assert json.loads(deleted.out)["pictures"] == 30 - json.loads(deleted.out)["removed"]


def test_without_the_database(narrows, trained, photos, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    result = narrows("index", trained, photos, "--to", tmp_path / "c")
    assert "pip install 'narrows[collections]'" in last(result, 1)


@pytest.mark.parametrize("verb", [("index",), ("collection", "info"), ("collection", "export"),
                                  ("collection", "delete")])  # fmt: skip
def test_every_help_has_an_example(narrows, verb) -> None:
    result = narrows(*verb, "--help")
    assert result.code == 0
    assert "Example: narrows " in " ".join(result.out.split())
