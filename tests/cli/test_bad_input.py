"""What a person gets wrong: one sentence on standard error, exit code 1 or 2, nothing lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows import files


def one_sentence(result, code: int, *words: str) -> None:
    assert result.code == code, result.err
    assert result.out == ""
    last = result.err.strip().splitlines()[-1]
    assert last.startswith("narrows: "), result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in last, last


def train(narrows, what: object, folder: Path, *more: object):
    return narrows("train", what, "--recipe", "mlp-vae", "--epochs", 1, "--to", folder, *more)


def test_no_such_pictures(narrows, tmp_path: Path) -> None:
    one_sentence(train(narrows, "digitz", tmp_path / "run"), 2, "digits")
    assert not (tmp_path / "run").exists()


def test_empty_folder_and_folder_without_pictures(narrows, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    one_sentence(train(narrows, tmp_path / "empty", tmp_path / "run"), 1, "empty")
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "a.png").write_text("no picture")
    one_sentence(train(narrows, tmp_path / "words", tmp_path / "run"), 1, "words")
    assert not (tmp_path / "run").exists()


def test_one_picture_trains(narrows, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "one").mkdir()
    Image.new("RGB", (40, 40), (200, 30, 30)).save(tmp_path / "one" / "a.png")
    result = train(narrows, tmp_path / "one", tmp_path / "run", "--size", 16)
    assert result.code == 0, result.err
    assert (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((4, 8, 8), np.nan, np.float32), ("NaN",)),
        (np.zeros((4,), np.uint8), ("(4,)",)),
    ],
)
def test_arrays_that_are_no_pictures(narrows, tmp_path: Path, array, words) -> None:
    np.save(tmp_path / "x.npy", array)
    result = train(narrows, tmp_path / "x.npy", tmp_path / "run")
    one_sentence(result, result.code, *words)
    assert result.code in (1, 2)


def test_floats_of_another_range_are_read_in_it_and_that_is_said(narrows, tmp_path: Path) -> None:
    ramp = np.linspace(3, 7, 12 * 64, dtype=np.float32).reshape(12, 8, 8)
    np.save(tmp_path / "x.npy", ramp)
    result = train(narrows, tmp_path / "x.npy", tmp_path / "run")
    assert result.code == 0 and "7" in result.err and "white" in result.err, result.err


def test_unwritable_output(narrows, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    one_sentence(train(narrows, "digits", tmp_path / "file" / "run"), 1, "file")
    one_sentence(train(narrows, "digits", tmp_path / "file"), 1, "is a file")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--set", "batch_sise=3"), ("batch_sise", "batch_size")),
        (("--set", "nonsense"), ("NAME=VALUE",)),
        (("--set", "batch_size=0"), ("batch_size",)),
        (("--set", "optimizer=adamm"), ("adamm", "adamax")),
        (("--set", "likelihood.variance=1"), ("bernoulli", "variance")),
        (("--size", "12by12"), ("--size", "12by12")),
        (("--device", "cudda"), ("cudda",)),
        (("--code-size", "0"), ("code",)),
        (("--validation", "1.5"), ("1.5",)),
    ],
)
def test_wrong_numbers(narrows, tmp_path: Path, options, words) -> None:
    one_sentence(train(narrows, "digits", tmp_path / "run", *options), 2, *words)


def test_unknown_recipe_suggests_one(narrows, tmp_path: Path) -> None:
    result = narrows("train", "digits", "--recipe", "conv-va", "--to", tmp_path / "run")
    one_sentence(result, 2, "did you mean conv-vae?")


def test_wrong_usage_is_two(narrows) -> None:
    assert narrows("train").code == 2
    assert narrows("trian", "digits").code == 2


def broken(trained: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("recipe.toml", "model.safetensors"):
        (to / name).write_bytes((trained / name).read_bytes())
    return to


def test_model_files_that_cannot_be_trusted(narrows, trained: Path, tmp_path: Path) -> None:
    one_sentence(narrows("info", tmp_path / "nothing"), 1, "holds no model")
    one_sentence(narrows("evaluate", tmp_path, "digits"), 1, "recipe.toml")

    cut = broken(trained, tmp_path / "cut")
    whole = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    one_sentence(narrows("evaluate", cut, "digits"), 1, "damaged")

    foreign = broken(trained, tmp_path / "foreign")
    (foreign / "model.safetensors").write_bytes(b"PK\x03\x04 a zip, perhaps with a pickle in it")
    one_sentence(narrows("evaluate", foreign, "digits"), 1, "damaged or no safetensors")

    newer = broken(trained, tmp_path / "newer")
    text = (newer / "recipe.toml").read_text()
    (newer / "recipe.toml").write_text(text.replace("version = 2\n", "version = 99\n"))
    one_sentence(narrows("info", newer), 1, "version 99", "install a newer one")

    other = broken(trained, tmp_path / "other")
    (other / "recipe.toml").write_text(text.replace("size = 16", "size = 17"))
    one_sentence(narrows("evaluate", other, "digits"), 1, "does not fit")

    huge = broken(trained, tmp_path / "huge")
    (huge / "recipe.toml").write_text(text.replace("size = 16", "size = 1000000000000"))
    one_sentence(narrows("evaluate", huge, "digits"), 1, "does not fit")

    (other / "recipe.toml").write_text("version = 2\nname = [")
    one_sentence(narrows("info", other), 1, "TOML")
    files.save_toml(
        other / "recipe.toml", {"version": 2, "name": "x", "ladder": {"part": "os.system"}}
    )
    one_sentence(narrows("info", other), 1, "no whole recipe")


def test_pictures_of_another_kind(narrows, trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "big.npy", np.zeros((3, 1, 20, 30), np.uint8))
    result = narrows("evaluate", trained, tmp_path / "big.npy", "--split", "all")
    assert result.code == 0  # opened at the model's own size
    one_sentence(
        narrows("evaluate", trained, "digits", "--split", "test"), 2, "is of the test part"
    )
    one_sentence(narrows("reconstruct", trained, tmp_path / "none.png"), 1, "none.png")


@pytest.mark.parametrize("verb", ["reconstruct", "denoise", "upscale", "inpaint"])
def test_results_never_replace_the_pictures_that_they_are_of(
    narrows, trained, tmp_path, verb
) -> None:
    pictures = tmp_path / "in"
    pictures.mkdir()
    Image.fromarray(np.full((8, 8), 9, np.uint8)).save(pictures / "a.png")
    before = (pictures / "a.png").read_bytes()
    for given in (pictures, pictures / "a.png"):
        answer = narrows(verb, trained, given, "-o", pictures)
        assert answer.code == 2 and "the results would lie among the pictures" in answer.err
    assert [path.name for path in pictures.iterdir()] == ["a.png"]
    assert (pictures / "a.png").read_bytes() == before
