"""By default no verb is worse than the obvious free alternative on its own kind of pictures, or it says so.

Small: 160 pictures of a side of 24 a kind, a second of training, and each verb on what it is for.
``python tests/verbs/run.py`` judges all of them on larger folders and on the shared sets.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import narrows as nw

from . import judge as judged
from .folders import KINDS, flawed, made
from .judge import OTHERS, RESTORERS, VERBS, Case, Verdict, judge

SIDE, TRAIN, TEST = 24, 120, 40
# each verb on the kinds that it is for; what has no entry runs on photographs
SMALL = {
    "reconstruct": KINDS, "evaluate": ("parts",), "denoise": ("faces",), "inpaint": ("faces",),
    "upscale": ("faces",), f"denoise{OTHERS}": KINDS, f"inpaint{OTHERS}": KINDS,
    f"upscale{OTHERS}": KINDS, "compress": ("parts",), "duplicates": ("photographs", "faces"),
    "search": KINDS, "outliers": ("parts",), "generate": ("faces",), "prior": ("faces",),
    "morph": ("faces",),
}  # fmt: skip


def small_case(kind: str, folder: Path) -> Case:
    """A case whose models were trained for seconds."""
    pixels, labels = made(kind, TRAIN + TEST, SIDE)
    images = nw.images.Images(pixels)
    train, test = images.select(range(TRAIN)), images.select(range(TRAIN, TRAIN + TEST))
    few = {"report": "quiet", "progress": False, "validation": 0.15}
    trained = nw.train(
        train, to=folder / "model", code_size=24, epochs=3, **few, changes={"batch_size": 32}
    )
    case = Case(
        kind, folder, train, test, trained.model, trained, labels[:TRAIN], labels[TRAIN:],
        nw.images.Images(flawed(TEST, SIDE)) if kind == "parts" else None,
    )  # fmt: skip
    if kind == "faces":
        for verb, recipe, numbers in RESTORERS:
            case.restorers[verb] = nw.train(train, recipe, epochs=3, changes=numbers, **few).model
    return case


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {kind: small_case(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_is_worse_or_it_says_so(
    verb: str, cases: dict[str, Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judged, "HOLES", 8)
    found = [judge(verb, cases[kind]) for kind in SMALL.get(verb, ("photographs",))]
    assert all(found)
    assert [each.document() for each in found if each.outcome in ("worse", "refused")] == []


def test_pictures_are_of_their_kind_and_differ() -> None:
    for kind in KINDS:
        pixels, labels = made(kind, 12, SIDE)
        again, _ = made(kind, 12, SIDE)
        assert pixels.dtype == np.uint8 and (pixels == again).all() and len(set(labels)) > 1
        flat = pixels.reshape(12, -1).astype(float)
        away = np.square(flat[:, None] - flat[None]).mean(2) ** 0.5
        assert away[~np.eye(12, dtype=bool)].min() > 5  # gray levels
        other, _ = made(kind, 12, SIDE, seed=1)
        assert (other != pixels).any()
    assert np.abs(flawed(4, SIDE).astype(int) - flawed(4, SIDE, seed=2)).max() > 50


def test_what_a_verdict_says() -> None:
    one = Verdict("v", "k", "PSNR", 20.0, "PCA", 21.0)
    assert one.outcome == "worse"
    assert Verdict("v", "k", "PSNR", 20.0, "PCA", 21.0, said="PCA is better").outcome == "said"
    assert Verdict("v", "k", "share", 0.6, "PCA", 0.65, noise=0.1).outcome == "better"
    assert Verdict("v", "k", "-bytes", -20.0, "JPEG", -30.0).outcome == "better"
    assert Verdict("v", "k", "", None, "", None).outcome == "ran"
    refused = {"said": "no model for it", "refused": True}
    assert Verdict(f"v{OTHERS}", "k", "", None, "", None, **refused).outcome == "said"
    assert Verdict("v", "k", "", None, "", None, **refused).outcome == "refused"
