"""What a training measures beside methods without a model, keeps, and what verbs say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.applications.kinship import kinship_note
from narrows.errors import BadFile
from narrows.measures.generation import covered, density_coverage
from narrows.training.standing import Standing, difference_error, standings_of


def of(model: float, other: float, error: float = 0.1) -> Standing:
    rows = [
        {"name": name, "psnr": value, "psnr_deviation": 1.0, "error": wide}
        for name, value, wide in (("model", model, 0.0), ("bicubic", other, error))
    ]
    return Standing("upscale", rows, "64 validation pictures", "2 times larger")


def test_a_standing_says_who_is_better_or_as_good() -> None:
    beaten, equal, ahead = of(20.0, 22.1), of(20.1, 20.0), of(23.0, 20.0)
    assert (beaten.beaten_by, beaten.equalled_by) == ("bicubic", "")
    assert beaten.note == (
        "bicubic does better than this model (22.10 against 20.00 dB): 2 times larger, "
        "64 validation pictures"
    )
    assert (equal.beaten_by, equal.equalled_by) == ("", "bicubic") and "as good" in equal.note
    same = of(20.001, 20.002)  # as they are printed
    assert (same.beaten_by, same.equalled_by) == ("", "bicubic")
    assert ahead.note == "" and "by 3.00 dB" in ahead.said and "train longer" in beaten.said
    assert Standing.of_document(beaten.document()) == beaten
    assert difference_error([1, 2, 3], [2, 4, 6]) == pytest.approx(
        np.std([1, 2, 3], ddof=1) / 3**0.5
    )


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "fly"}, {"measure": "beauty"}, {"rows": []}, {"rows": [{"name": "model"}]},
        {"rows": of(1.0, 2.0).rows[1:]}, {"judged": 3}, {"more": "x"},
        {"rows": [{**of(1.0, 2.0).rows[0], "psnr": float("nan")}]},
    ],
)  # fmt: skip
def test_a_damaged_standing_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="standing|number of"):
        standings_of([{**of(20.0, 22.0).document(), **change}])


def test_a_training_keeps_what_it_measured_and_verbs_quote_it(tmp_path: Path) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (60, 1, 12, 12), np.uint8))
    smooth = torch.nn.functional.avg_pool2d(pixels.float(), 5, 1, 2).byte()
    trained = nw.train(
        nw.images.Images(smooth), "mlp-vae", to=tmp_path / "run", epochs=1, code_size=2,
        validation=0.2, report="quiet", progress=False,
    )  # fmt: skip
    found = {(one.purpose, one.task): one for one in trained.standings}
    assert {purpose for purpose, _ in found} >= {"denoise", "upscale", "generate", "morph"}
    assert found["denoise", "noise of σ = 0.1 taken out"].beaten_by  # two numbers keep too little
    kept = nw.load(tmp_path / "run").run
    assert [one.note for one in kept.standings] == [one.note for one in trained.standings]
    denoised = nw.denoise(tmp_path / "run", nw.images.Images(smooth[:2]), progress=False)
    assert any("better than this model" in note for note in denoised.whole_document()["notes"])
    morphed = nw.morph(tmp_path / "run", nw.images.Images(smooth[:2]), progress=False)
    said = [one.note for one in trained.standings if one.purpose == "morph" and one.note]
    assert said and list(morphed.notes)[-1:] == said  # blurred ends, and two numbers of a code
    path = tmp_path / "run" / "run.toml"
    path.write_text(path.read_text().replace('purpose = "denoise"', 'purpose = "dance"'))
    with pytest.raises(BadFile, match="damaged"):
        nw.load(tmp_path / "run")
    assert not nw.check(tmp_path / "run").whole


def test_colours_are_named_where_they_tell_labels_better_than_codes() -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat(["red", "blue"], 30)
    pictures = draw.integers(0, 60, (60, 3, 8, 8), np.uint8)
    pictures[:30, 0] += 150
    pictures[30:, 2] += 150
    codes = draw.normal(size=(60, 4))
    said = kinship_note(codes, list(pictures), labels, "codes")
    assert "find the same label better than codes (100% against" in said
    assert kinship_note((labels == "red")[:, None] * 1.0, list(pictures), labels, "codes") == ""
    assert kinship_note(codes, list(pictures), np.arange(60) / 7, "codes") == ""  # no kinds


def test_what_is_covered_is_the_coverage() -> None:
    draw = np.random.default_rng(0)
    real, drawn = draw.normal(size=(50, 3)), draw.normal(size=(20, 3))
    share = float(covered(real, drawn).double().mean())
    assert share == density_coverage(real, drawn)[1] and 0 < share < 1
