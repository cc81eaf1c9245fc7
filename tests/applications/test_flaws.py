"""Flaws: painted ones are found and marked, held-out normal pictures set the threshold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows as nw
from narrows.applications.flaws import Flaws

N = 32


def texture(seed: int) -> torch.Tensor:
    """Cloth, uint8 (1, 56, 64)."""
    draws = torch.Generator().manual_seed(seed)
    y, x = torch.arange(56).view(-1, 1), torch.arange(64)
    shift = float(torch.rand(1, generator=draws)) * 6
    waves = 0.5 + 0.2 * torch.sin((y + shift) * 0.8) + 0.2 * torch.sin(x * 0.7)
    noisy = waves + 0.03 * torch.randn(56, 64, generator=draws)
    return (noisy.clamp(0, 1) * 255).round().to(torch.uint8)[None]


def spotted(seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """With a dark spot, and where it is."""
    x, where = texture(seed).clone(), np.zeros((56, 64), bool)
    top, left = 8 + seed % 30, 10 + seed % 40
    where[top : top + 6, left : left + 6] = True
    x[:, torch.from_numpy(where)] //= 3
    return x, where


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """normal/, and test/ with good/ and spot/."""
    root = tmp_path_factory.mktemp("parts")
    kinds = {
        "normal": [texture(i) for i in range(N)],
        "test/good": [texture(100 + i) for i in range(6)],
        "test/spot": [spotted(200 + i)[0] for i in range(6)],
    }
    for name, pictures in kinds.items():
        (root / name).mkdir(parents=True)
        for i, x in enumerate(pictures):
            Image.fromarray(x[0].numpy()).save(root / name / f"{i:02}.png")
    return root


@pytest.fixture(scope="module")
def found(parts: Path) -> Flaws:
    masks = [np.zeros((56, 64), bool)] * 6 + [spotted(200 + i)[1] for i in range(6)]
    return nw.flaws(parts / "test", normal=parts / "normal", masks=masks, progress=False)


def test_flaws_are_found_and_marked(found: Flaws) -> None:
    assert found.detection is not None and found.truth is not None
    assert found.truth.tolist() == [False] * 6 + [True] * 6  # by their folders
    assert found.detection["pictures"].auroc > 0.95
    assert found.detection["pixels"].auroc > 0.9
    assert found.maps[0].shape == (56, 64) and len(found.maps[:3]) == 3


def test_normal_pictures_are_divided_and_few_of_them_promise_less(found: Flaws) -> None:
    assert (found.fitted, found.chosen_on, found.held_out) == (16, 8, 8)
    assert found.rule.startswith("a false-alarm rate of 0.111") and "at best" in " ".join(
        found.notes
    )
    assert float(found.p_values.min()) == pytest.approx(1 / 9)


def test_the_choice_is_the_best_on_painted_flaws(found: Flaws) -> None:
    best = max(found.choices, key=lambda one: one["pictures"])
    assert found.how["pictures"].startswith(best["how"])
    assert max(found.choices, key=lambda one: one["pixels"])["how"] == found.how["maps"]


def test_what_is_written(found: Flaws, tmp_path: Path) -> None:
    written = found.save(tmp_path)
    assert len(written["pictures"]) == 12
    drawn = np.asarray(Image.open(tmp_path / "maps" / "spot" / "00.png")).astype(int)
    assert drawn.shape == (56, 64, 3)
    marked = (drawn[:, :, 0] - drawn[:, :, 2]) > 60
    _, where = spotted(200)
    assert marked[where].mean() > 0.5 > marked[~where].mean()
    document = json.loads((tmp_path / "flaws.json").read_text())
    assert document["detection"]["pictures"]["auroc"] > 0.95
    assert {"flaws.png", "histogram.png", "detection.png"} <= {p.name for p in tmp_path.iterdir()}


def test_the_same_again_and_another_seed_another_division(parts: Path, found: Flaws) -> None:
    again = nw.flaws(parts / "test", normal=parts / "normal", progress=False)
    assert np.array_equal(again.scores["patches"], found.scores["patches"])


def test_what_is_refused(parts: Path) -> None:
    with pytest.raises(ValueError, match="at least 4 normal pictures.*we got 3"):
        nw.flaws(parts / "test", normal=parts / "normal", limit=3, progress=False)
    with pytest.raises(ValueError, match="anomalies: 12 were wanted, one a picture; we got 2"):
        nw.flaws(parts / "test", normal=parts / "normal", anomalies=[True, False], progress=False)
